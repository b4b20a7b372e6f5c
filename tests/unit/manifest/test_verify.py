"""Verification of a layout against a manifest names the first thing that differs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scs_build.canonical import sha256_bytes
from scs_build.manifest.manifest import Manifest, content_digest
from scs_build.manifest.verify import verify_manifest
from scs_build.oci.layout import blob_path
from scs_build.store.store import Store
from tests.unit.manifest.made import make_manifest

# JSON that is no manifest of an image.
FORMS = ["{}", '{"layers": null, "config": 1}', '{"layers": [1], "config": {"digest": "../x"}}']


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    return tmp_path / "oci"


@pytest.fixture
def manifest(tmp_path: Path, layout: Path) -> Manifest:
    return make_manifest(Store(tmp_path / "store"), layout)


def replace(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def layer_path(layout: Path, manifest: Manifest, number: int) -> Path:
    return blob_path(layout, manifest.content.images[0].layers[number].digest)


def with_image(manifest: Manifest, **changes: object) -> Manifest:
    (image,) = manifest.content.images
    content = manifest.content.model_copy(update={"images": (image.model_copy(update=changes),)})
    return Manifest(format=1, digest=content_digest(content), content=content)


def test_a_whole_layout_has_no_problem(layout: Path, manifest: Manifest) -> None:
    assert verify_manifest(manifest, layout) == []


def test_a_flipped_byte_is_named_with_its_blob(layout: Path, manifest: Manifest) -> None:
    path = layer_path(layout, manifest, 1)
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    replace(path, bytes(data))
    (problem,) = verify_manifest(manifest, layout)
    assert problem.startswith(f"base: the file of sha256:{path.name} has the digest sha256:")


def test_the_first_of_several_is_named_first(layout: Path, manifest: Manifest) -> None:
    first, second = (layer_path(layout, manifest, number) for number in (0, 1))
    second.unlink()
    replace(first, b"")
    problems = verify_manifest(manifest, layout)
    assert [first.name in problems[0], second.name in problems[1]] == [True, True]
    assert problems[1] == f"base: sha256:{second.name} is not in the layout"


def test_a_missing_image_is_named(layout: Path, manifest: Manifest) -> None:
    digest = manifest.content.images[0].digest
    blob_path(layout, digest).unlink()
    assert verify_manifest(manifest, layout)[0] == f"base: {digest} is not in the layout"


def test_a_damaged_configuration_is_named(layout: Path, manifest: Manifest) -> None:
    document = json.loads(blob_path(layout, manifest.content.images[0].digest).read_bytes())
    path = blob_path(layout, document["config"]["digest"])
    replace(path, b"{}")
    assert f"sha256:{path.name}" in verify_manifest(manifest, layout)[0]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"bytes": 1}, "base: the image's layers are not those that the manifest names"),
        (
            {"diff_id": "sha256:" + "0" * 64},
            "base: the image's diff ids are not those that the manifest names",
        ),
    ],
)
def test_a_manifest_that_says_otherwise_of_a_layer_is_noticed(
    layout: Path, manifest: Manifest, change: dict[str, object], problem: str
) -> None:
    layers = manifest.content.images[0].layers
    other = with_image(manifest, layers=(layers[0].model_copy(update=change), layers[1]))
    assert verify_manifest(other, layout) == [problem]


def test_a_layer_left_out_of_the_manifest_is_noticed(layout: Path, manifest: Manifest) -> None:
    shorter = with_image(manifest, layers=manifest.content.images[0].layers[:1])
    assert verify_manifest(shorter, layout)[0].endswith("not those that the manifest names")


def test_content_that_is_not_what_the_digest_says_comes_first(layout: Path, manifest: Manifest) -> None:
    forged = manifest.model_copy(update={"digest": "sha256:" + "0" * 64})
    (problem,) = verify_manifest(forged, layout)
    assert problem.startswith("the manifest's content has the digest sha256:")


def test_a_blob_that_is_no_json_is_a_problem_and_no_traceback(layout: Path, manifest: Manifest) -> None:
    replace(blob_path(layout, manifest.content.images[0].digest), b"\xff")
    assert manifest.content.images[0].digest in verify_manifest(manifest, layout)[0]


@pytest.mark.parametrize("text", FORMS)
def test_a_blob_of_another_form_is_a_problem_and_no_traceback(
    layout: Path, manifest: Manifest, text: str
) -> None:
    replace(blob_path(layout, manifest.content.images[0].digest), text.encode())
    assert manifest.content.images[0].digest in verify_manifest(manifest, layout)[0]


@pytest.mark.parametrize("text", FORMS)
def test_an_image_that_the_manifest_names_and_that_has_another_form_is_a_problem(
    layout: Path, manifest: Manifest, text: str
) -> None:
    digest = f"sha256:{sha256_bytes(text.encode())}"
    blob_path(layout, digest).write_text(text)
    problems = verify_manifest(with_image(manifest, digest=digest), layout)
    assert problems[0] == "base: the image's layers are not those that the manifest names"
