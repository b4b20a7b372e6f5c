"""The canary images are what their locks say, and their guard bites."""

from __future__ import annotations

from pathlib import Path

from scs_build.canonical import sha256_bytes
from scs_build.locks.check import check_lock
from scs_build.plan.step import FORMATS
from scs_build.recipes.catalogue import Catalogue
from tests.canary import known
from tests.canary.artefacts import artefacts
from tests.canary.checkout import make_checkout
from tests.integration.conftest import PLATFORM, SERIES, graph_of


def test_the_artefacts_are_made_as_they_are_locked(tmp_path: Path) -> None:
    graph = graph_of(make_checkout(tmp_path))
    locked = {
        a.sha256: a.size for name in ("canary-plain", "canary-python") for a in graph.lock(name).artefacts
    }
    assert {sha256_bytes(data): len(data) for data in artefacts().values()} == locked


def test_their_locks_fit_their_recipes(tmp_path: Path) -> None:
    catalogue = Catalogue.load(make_checkout(tmp_path))
    for name in ("canary-plain", "canary-python"):
        assert check_lock(catalogue, SERIES, name, PLATFORM) == []


def test_every_kind_of_step_is_among_them() -> None:
    assert {step["kind"] for step in known.known().values()} == FORMATS.keys()


def test_other_bytes_under_the_same_key_are_noticed_and_the_complaint_says_what_to_do() -> None:
    before = known.known()
    now = {**before, "files:canary-plain": {**before["files:canary-plain"], "result": "other"}}
    wrong = known.changed_silently(before, now)
    assert wrong == ["files:canary-plain"]
    assert "FORMATS['files'] in scs_build/plan/step.py" in known.complaint(wrong, now)
    assert "python -m tests.canary" in known.complaint(wrong, now)


def test_other_bytes_under_a_new_key_are_no_complaint() -> None:
    before = known.known()
    now = {**before, "files:canary-plain": {"kind": "files", "key": "other", "result": "other"}}
    assert known.changed_silently(before, now) == []
