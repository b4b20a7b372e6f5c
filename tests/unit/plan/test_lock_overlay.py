"""Locks over ours: what they touch is marked, what they do not touch stays, what does not fit is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scs_build.canonical import sha256_file
from scs_build.errors import FormatError, InputError, LockError, RecipeError
from scs_build.plan.affected import compare, keys_of
from scs_build.plan.graph import Graph
from scs_build.plan.remembered import fingerprint
from scs_build.recipes.catalogue import Catalogue
from scs_build.recipes.lock_overlay import NAME, write_head
from scs_build.recipes.models import LockOverlay
from tests.unit.mutations import damaged_json, damaged_yaml
from tests.unit.plan.conftest import SERIES, World
from tests.unit.plan.test_layers import Site

PLATFORM = "linux/amd64"
SIBLING = f"images/iaas/sibling/lock/{SERIES}.json"


def overlay_of(world: World, folder: Path) -> Site:
    """Return an overlay that replaces one package of the sibling."""
    overlay = Site(world, folder)
    overlay.lock("images/iaas/sibling", ("deb", "sib", "1.1"))
    write_head(folder, LockOverlay(series=SERIES, replaces={"sibling": sha256_file(world.root / SIBLING)}))
    return overlay


@pytest.fixture
def overlay(world: World, tmp_path: Path) -> Site:
    return overlay_of(world, tmp_path / "over")


def test_what_it_touches_is_marked_and_ours_stay_equal(overlay: Site) -> None:
    assert overlay.compared() == {"sibling": "changed"}
    assert overlay.origins() == {"sibling": (NAME,)}


def test_one_that_replaces_nothing_changes_nothing(world: World, tmp_path: Path) -> None:
    empty = Site(world, tmp_path / "over")
    write_head(empty.folder, LockOverlay(series=SERIES, replaces={}))
    assert empty.compared() == {}
    assert empty.origins() == {}


def test_it_lies_over_a_layer_of_recipes_and_not_below_one(overlay: Site, tmp_path: Path) -> None:
    acme = Site(overlay.world, tmp_path / "acme")
    catalogue = Catalogue.load(overlay.world.root, (acme.folder, overlay.folder))
    assert Graph(catalogue, catalogue.series(SERIES), PLATFORM).origin_names("sibling") == (NAME,)
    with pytest.raises(RecipeError, match="lie over everything"):
        Catalogue.load(overlay.world.root, (overlay.folder, acme.folder))


def test_another_series_is_refused_at_the_line_that_names_it(overlay: Site) -> None:
    overlay.world.series("2025.1")
    catalogue = Catalogue.load(overlay.world.root, (overlay.folder,))
    with pytest.raises(LockError, match=r"of the series 2026\.1, asked for is 2025\.1") as caught:
        catalogue.series("2025.1")
    assert str(caught.value.where) == f"{overlay.folder}/layer.yaml:5:11"


def test_a_newer_format_is_refused(overlay: Site) -> None:
    overlay.change("layer.yaml", "format: 1", "format: 2")
    with pytest.raises(FormatError):
        overlay.graph()


@pytest.mark.parametrize(
    "path",
    ["images/iaas/sibling/recipe.yaml", "policy/hardening.yaml", f"images/iaas/app/lock/{SERIES}.json"],
)
def test_what_the_head_does_not_list_is_refused(overlay: Site, path: str) -> None:
    overlay.write(path, "{}")
    with pytest.raises(LockError, match=r"layer\.yaml does not list this file") as caught:
        overlay.graph()
    assert str(caught.value.where) == f"{overlay.folder}/{path}"


def test_a_lock_that_is_listed_and_not_there_is_refused(overlay: Site) -> None:
    (overlay.folder / SIBLING).unlink()
    with pytest.raises(LockError, match="the lock of sibling is listed and not there"):
        overlay.graph()


def test_locks_that_changed_below_are_refused(overlay: Site) -> None:
    overlay.world.lock("iaas/sibling", [("deb", "sib", "1.2")])
    with pytest.raises(LockError, match="another lock of `sibling`"):
        overlay.graph()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(choice=st.data())
def test_a_damaged_overlay_is_read_as_it_is_or_refused_at_its_place(
    overlay: Site, tmp_path: Path, choice: st.DataObject
) -> None:
    broken = tmp_path / "broken"
    shutil.rmtree(broken, ignore_errors=True)
    shutil.copytree(overlay.folder, broken)
    path = broken / choice.draw(st.sampled_from(["layer.yaml", SIBLING]))
    damage = damaged_yaml if path.suffix == ".yaml" else damaged_json
    path.write_bytes(choice.draw(damage(path.read_bytes())))
    try:
        catalogue = Catalogue.load(overlay.world.root, (broken,))
        Graph(catalogue, catalogue.series(SERIES), PLATFORM).image("sibling")
    except InputError as failure:
        assert failure.where is not None
        assert failure.where.path.startswith(str(broken))
        str(failure).encode()


def test_a_plan_that_was_remembered_without_is_not_taken_for_one_with_it(overlay: Site) -> None:
    root = overlay.world.root
    plain, over = fingerprint(root, SERIES, PLATFORM), fingerprint(root, SERIES, PLATFORM, (overlay.folder,))
    assert plain != over
    before = keys_of(root, SERIES, PLATFORM, (overlay.folder,))
    overlay.lock("images/iaas/sibling", ("deb", "sib", "1.2"))
    assert fingerprint(root, SERIES, PLATFORM, (overlay.folder,)) != over
    assert set(compare(before, keys_of(root, SERIES, PLATFORM, (overlay.folder,)))) == {"sibling"}
