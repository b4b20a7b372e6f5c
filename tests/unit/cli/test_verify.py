"""`scs-build verify`: where it looks, what it names, and what it tells to run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from scs_build.errors import VerificationError
from scs_build.oci.entry import Entry
from scs_build.oci.image import ImageConfig, write_image
from scs_build.oci.layer import write_layer
from scs_build.oci.layout import blob_path, write_layout
from scs_build.store.store import Store
from tests.unit.cli.conftest import Said
from tests.unit.manifest.made import make_layout

Call = Callable[..., Said]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_layout(tmp_path / "there")


def put_another(path: Path) -> str:
    """Put another image of the name into the layout, as the build of a part does; return its digest."""
    store = Store(path.parent / "store")
    layers = [write_layer(store, [Entry("c", "file", 0o644, content=b"c")], 1)]
    config = ImageConfig(created="2026-04-01T00:00:00Z", platform="linux/amd64")
    image = write_image(store, config, layers)
    write_layout(store, path.parent / "oci", {"base:2026.1": image})
    return image.digest


def test_images_are_looked_for_beside_the_manifest(
    call: Call, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = call("verify", str(path))
    assert said.status == 0, said.stderr
    assert f"1 images in {path.parent}/oci are as {path} says" in said.stdout
    assert json.loads(call("verify", str(path), "--json").stdout)["layout"] == f"{path.parent}/oci"
    assert call("verify", "there/2026.1.json").status == 0


def test_an_output_folder_that_is_named_is_the_one(
    call: Call, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = call("verify", str(path), "-o", str(tmp_path / "other"))
    assert said.status == VerificationError.exit_code
    assert f"{tmp_path}/other/oci is not as {path} says" in said.stderr
    monkeypatch.setenv("SCS_BUILD_OUTPUT", str(tmp_path / "other"))
    assert call("verify", str(path)).status == VerificationError.exit_code


def test_a_manifest_that_lies_alone_is_about_the_usual_folder(
    call: Call, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "alone").mkdir()
    alone = path.rename(tmp_path / "alone/2026.1.json")
    path.parent.rename(tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    assert call("verify", str(alone)).status == 0


def test_what_was_built_since_is_named_with_the_command_that_mends_it(call: Call, path: Path) -> None:
    other, output = put_another(path), path.parent
    said = call("verify", "-o", str(output))
    assert said.status == VerificationError.exit_code
    assert f"base: the layout has another image of that name, {other}, built since" in said.stderr
    assert said.stderr.endswith(f"hint: run: scs-build build --series 2026.1 --output {output}\n")
    assert f"scs-build build --series 2026.1 --output {output}\n" in call("verify", str(path)).stderr


def test_damage_is_to_be_removed_first(call: Call, path: Path) -> None:
    other, output = put_another(path), path.parent
    blob = blob_path(output / "oci", other)
    blob.unlink()
    kept = next(p for p in blob.parent.iterdir() if p.read_bytes().startswith(b'{"config"'))
    kept.unlink()
    said = call("verify", "-o", str(output))
    assert "is not in the layout" in said.stderr
    assert (
        f"remove what is named, then run `scs-build build --series 2026.1 --output {output}`" in said.stderr
    )
