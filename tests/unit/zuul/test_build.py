"""What is built in which series, and what a job returns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scs_build.build.build import BuildResult, BuiltImage
from scs_build.errors import UnknownNameError
from scs_build.manifest.manifest import read_manifest
from scs_build.recipes.catalogue import Catalogue
from scs_build.zuul.build import answer, finish, series_of
from tests.unit.plan.conftest import World

DIGEST = "sha256:" + "1" * 64
LAYER = {"digest": DIGEST, "diff_id": DIGEST, "bytes": 5, "unpacked": 9}


def built(action: str) -> BuildResult:
    image = BuiltImage("base", "2" * 64, action, 0.5, {"result": DIGEST, "layers": [LAYER]})
    return BuildResult("2026.1", "linux/amd64", 1.0, (image,))


def test_names_are_built_in_every_series_that_has_them(world: World) -> None:
    world.series("2025.1")
    world.change("series/2025.1/series.yaml", "format: 1", "format: 1\nimages: [sibling]")
    catalogue = Catalogue.load(world.root)
    assert series_of(catalogue, (), ()) == {
        "2025.1": ("base", "sibling"),
        "2026.1": ("base", "app", "sibling"),
    }
    assert series_of(catalogue, ("app",), ()) == {"2026.1": ("app",)}
    assert series_of(catalogue, ("base",), ("2025.1",)) == {"2025.1": ("base",)}
    for names, series in ((("ap",), ()), (("app",), ("2025.1",)), ((), ("2024.1",)), (("compiler",), ())):
        with pytest.raises(UnknownNameError):
            series_of(catalogue, names, series)


def test_artifacts_name_image_digest_and_manifest(world: World, tmp_path: Path) -> None:
    made = answer([finish(world.graph(), built("build"), tmp_path)])
    manifest, image = made["zuul_return"]["zuul"]["artifacts"]
    written = read_manifest(tmp_path / manifest["url"])
    assert manifest["metadata"]["digest"] == written.digest
    assert (image["name"], image["url"]) == ("base:2026.1", manifest["url"])
    assert image["metadata"] == {
        "type": "scs_image", "series": "2026.1", "platform": "linux/amd64", "image": "base",
        "digest": DIGEST, "key": "2" * 64,
    }  # fmt: skip
    json.dumps(made)


@pytest.mark.parametrize(("action", "changed"), [("build", True), ("none", False)])
def test_a_build_of_what_is_there_changes_nothing(
    action: str, changed: bool, world: World, tmp_path: Path
) -> None:
    assert answer([finish(world.graph(), built(action), tmp_path)])["changed"] is changed
