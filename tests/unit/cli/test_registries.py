"""push, pull and load before anything is asked: what is wrong on the command line or on this side."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from scs_build.cli.moved import outcome_text, wanted_of
from scs_build.errors import RegistryError, UnknownNameError
from scs_build.manifest.manifest import (
    Content,
    Manifest,
    ManifestImage,
    ManifestLayer,
    content_digest,
    write_manifest,
)
from scs_build.oci.registry.images import Moved, Outcome
from tests.unit.cli.conftest import Said

Call = Callable[..., Said]
TO = ("--to", "registry.example.org/scs")


def manifest() -> Manifest:
    digest = "sha256:" + "0" * 64
    layer = ManifestLayer(digest=digest, diff_id=digest, bytes=5)
    images = tuple(
        ManifestImage(
            name=name, digest=digest, key="0" * 64, locks={}, unpacked_bytes=5, layers=(layer,) * depth
        )
        for name, depth in (("app", 2), ("base", 1))
    )
    content = Content(series="2026.1", platform="linux/amd64", images=images)
    return Manifest(format=1, digest=content_digest(content), content=content)


@pytest.fixture
def output(tmp_path: Path) -> str:
    write_manifest(manifest(), tmp_path / "out/2026.1.json")
    return str(tmp_path / "out")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("push",), 2),
        (("push", "--to", "scs"), 18),
        (("push", *TO, "--tag", ".x"), 18),
        (("push", *TO, "--ca", __file__, "--plain-http"), 2),
        (("push", *TO, "--ca", "/nonexistent"), 2),
        (("push", *TO, "nobody"), 17),
        (("pull", "--from", "registry.example.org/SCS"), 18),
        (("pull", "--from", "registry.example.org", "nobody"), 17),
        (("load", "--as", "https://example.org"), 18),
        (("load", "nobody"), 17),
    ],
)
def test_what_cannot_be_meant_ends_before_anything_is_asked(
    call: Call, output: str, arguments: tuple[str, ...], status: int
) -> None:
    said = call(*arguments, "-o", output)
    assert said.status == status
    assert said.stdout == ""
    assert "hint" in said.stderr or status == 2


def test_without_a_manifest_it_says_who_writes_one(call: Call, tmp_path: Path) -> None:
    said = call("push", *TO, "-o", str(tmp_path / "none"), "--json")
    assert said.status == 16
    assert json.loads(said.stdout)["error"] == "ManifestError"
    assert "scs-build build" in said.stderr


def test_a_manifest_that_somebody_changed_is_refused(call: Call, output: str) -> None:
    path = Path(output, "2026.1.json")
    path.write_text(path.read_text().replace('"base"', '"root"'))
    said = call("push", *TO, "-o", output)
    assert said.status == 16
    assert f"{path}: its content has the digest" in said.stderr


def test_images_with_few_layers_come_first() -> None:
    assert [image.name for image in wanted_of(manifest(), ())] == ["base", "app"]
    assert [image.name for image in wanted_of(manifest(), ["app"])] == ["app"]
    with pytest.raises(UnknownNameError, match="nobody"):
        wanted_of(manifest(), ["app", "nobody"])


def test_the_result_names_each_image_by_digest_and_sums_up() -> None:
    image = Moved("base", "d", "registry.example.org/scs/base@d", "sent", 2_000_000, 1_000_000, 1.0)
    text = outcome_text(Outcome((image,), {"app": RegistryError("no")}, 2.0), "sent")
    assert "base   sent  1.0 s  2.0 MB  1.0 MB  registry.example.org/scs/base@d" in text
    assert text.endswith("1 image, 1 failed, 2.0 MB sent, 1.0 MB there already, in 2.0 s")
    assert outcome_text(Outcome(()), "sent").startswith("0 images")
