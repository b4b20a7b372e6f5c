"""Bad layers: each is an error at its place, with a way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from scs_build.errors import FormatError, PolicyError, RecipeError
from scs_build.recipes.catalogue import Catalogue
from tests.unit.recipes.test_catalogue import CONTAINER, Write, write

__all__ = ["write"]

HEAD = "format: 1\nname: acme\nvendor: Acme Cloud\n"

BAD: dict[str, tuple[dict[str, str], str, str]] = {
    "no head": ({"images/x": ""}, "layer.yaml", "there is no layer.yaml"),
    "nothing in it": ({"layer.yaml": HEAD}, "layer.yaml", "neither images/ nor policy/"),
    "a bad name": ({"layer.yaml": HEAD.replace("acme", "Acme!"), "images/x": ""}, "layer.yaml:2:7", "name"),
    "an unknown field": ({"layer.yaml": HEAD + "url: x\n", "images/x": ""}, "layer.yaml:4:1", "url"),
    "the same component in another area": (
        {"layer.yaml": HEAD, "images/iaas/debian/recipe.yaml": CONTAINER},
        "images/iaas/debian/recipe.yaml",
        "is there already, as images/bases/debian/recipe.yaml",
    ),
    "a lock of nothing": (
        {"layer.yaml": HEAD, "images/bases/debain/lock/2026.1.json": "{}"},
        "images/bases/debain",
        "there is no recipe, and none of a component `debain`",
    ),
    "files without a recipe": (
        {"layer.yaml": HEAD, "images/bases/debian/files/x": ""},
        "images/bases/debian/files",
        "a component is replaced as a whole",
    ),
    "a misnamed recipe": (
        {"layer.yaml": HEAD, "images/iaas/app/recipe.yml": CONTAINER},
        "images/iaas/app/recipe.yml",
        "must be named recipe.yaml",
    ),
    "a recipe with an unknown parent": (
        {"layer.yaml": HEAD, "images/iaas/app/recipe.yaml": CONTAINER + "parent: debain\n"},
        "images/iaas/app/recipe.yaml:4:9",
        "there is no component `debain`",
    ),
    "an unknown series": (
        {"layer.yaml": HEAD, "images/series/2027.1/series.yaml": "format: 1\n"},
        "images/series/2027.1",
        "there is no series `2027.1`",
    ),
    "a series of its own": (
        {"layer.yaml": HEAD, "images/series/2026.1/series.yaml": "format: 1\nreleased: '2026-04-02'\n"},
        "images/series/2026.1/series.yaml:2:1",
        "released",
    ),
    "constraints that are not there": (
        {"layer.yaml": HEAD, "images/series/2026.1/series.yaml": "format: 1\nconstraints: x.txt\n"},
        "images/series/2026.1/series.yaml:2:14",
        "there is no file `x.txt` beside it",
    ),
    "an unknown image": (
        {"layer.yaml": HEAD, "images/series/2026.1/series.yaml": "format: 1\nimages: [debain]\n"},
        "images/series/2026.1/series.yaml:2:10",
        "there is no component `debain`",
    ),
}


def fill(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.usefixtures("write")
@pytest.mark.parametrize(("files", "place", "reason"), BAD.values(), ids=BAD)
def test_a_bad_layer_is_an_error_at_its_place(
    tmp_path: Path, files: dict[str, str], place: str, reason: str
) -> None:
    folder = fill(tmp_path / "layer", files)
    with pytest.raises(RecipeError) as caught:
        Catalogue.load(tmp_path, (folder,))
    assert str(caught.value.where) == f"{folder}/{place}"
    assert reason in caught.value.reason


@pytest.mark.usefixtures("write")
def test_a_newer_layer_a_missing_folder_and_two_of_one_name_are_told(tmp_path: Path) -> None:
    newer = fill(tmp_path / "newer", {"layer.yaml": HEAD.replace("1", "2"), "images/x": ""})
    with pytest.raises(FormatError):
        Catalogue.load(tmp_path, (newer,))
    with pytest.raises(RecipeError, match="there is no such folder"):
        Catalogue.load(tmp_path, (tmp_path / "nowhere",))
    one, two = (fill(tmp_path / n, {"layer.yaml": HEAD, "images/x": ""}) for n in ("one", "two"))
    with pytest.raises(RecipeError, match="is named `acme` as well") as caught:
        Catalogue.load(tmp_path, (one, two))
    assert str(caught.value.where) == f"{two}/layer.yaml"


def test_a_series_that_lists_its_images_takes_those_of_the_layer_too(write: Write, tmp_path: Path) -> None:
    series = tmp_path / "images/series/2026.1/series.yaml"
    series.write_text(series.read_text() + "images: [python]\ncomponents: {a: ~=1.0, b: ~=1.0}\n")
    addition = "format: 1\nimages: [app]\ncomponents: {b: ~=2.0}\n"
    files = {"images/iaas/app/recipe.yaml": CONTAINER, "images/series/2026.1/series.yaml": addition}
    folder = fill(tmp_path / "layer", {"layer.yaml": HEAD, **files})
    catalogue = Catalogue.load(tmp_path, (folder,))
    merged = catalogue.series("2026.1")
    assert catalogue.images(merged) == ("app", "debian", "python")
    assert merged.components == {"a": "~=1.0", "b": "~=2.0"}


@pytest.mark.usefixtures("write")
def test_policy_of_the_highest_layer_applies(tmp_path: Path) -> None:
    files = {"layer.yaml": HEAD, "policy/rules.yaml": ""}
    folder = fill(tmp_path / "layer", files)
    catalogue = Catalogue.load(tmp_path, (folder,))
    assert catalogue.file("policy/rules.yaml") == (
        folder / "policy/rules.yaml",
        f"{folder}/policy/rules.yaml",
    )
    assert catalogue.file("policy/other.yaml") == (tmp_path / "policy/other.yaml", "policy/other.yaml")


@pytest.mark.usefixtures("write")
def test_the_hardening_policy_of_a_layer_is_read_and_named(tmp_path: Path) -> None:
    folder = fill(tmp_path / "layer", {"layer.yaml": HEAD, "policy/hardening.yaml": "format: 1\nmore: 1\n"})
    with pytest.raises(PolicyError) as caught:
        _ = Catalogue.load(tmp_path, (folder,)).hardening
    assert str(caught.value.where) == f"{folder}/policy/hardening.yaml:2:1"
