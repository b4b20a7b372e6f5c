"""Checkouts and stores that a test may change."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from scs_build.build.build import BuildResult
from scs_build.plan.step import Step
from scs_build.store.store import Store
from tests.canary.checkout import IMAGES, make_checkout, stock
from tests.elsewhere import build_elsewhere
from tests.integration.build import parts
from tests.integration.conftest import ROOT, SERIES, build_images, graph_of, make_all


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the recipes that a test may change."""
    shutil.copytree(ROOT / "images", tmp_path / "checkout/images")
    return tmp_path / "checkout"


@pytest.fixture
def fresh(store: Store, built: BuildResult) -> Iterator[Store]:
    """A store on the same disk that holds what the locks name, and nothing that was built."""
    steps = parts.steps_of(graph_of(), [image.name for image in built.images])
    with parts.beside(store) as folder:
        yield parts.copied(store, Store(folder / "store"), steps.values(), ())


@pytest.fixture(scope="session")
def canary_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the canary images."""
    return make_checkout(tmp_path_factory.mktemp("canary"))


@pytest.fixture(scope="session")
def canary_steps(canary_root: Path) -> dict[str, Step]:
    """All steps of the canary images by name."""
    return parts.steps_of(graph_of(canary_root), IMAGES)


@pytest.fixture(scope="session")
def canaries(store: Store, built: BuildResult, canary_root: Path, canary_steps: dict[str, Step]) -> Store:
    """The user's store, with the canary images built in it."""
    stock(store)
    result = build_images(store, IMAGES, canary_root)
    assert not result.failures, result.failures
    make_all(store, graph_of(canary_root), canary_steps.values())
    return store


@pytest.fixture(scope="session")
def elsewhere(canaries: Store, canary_root: Path, canary_steps: dict[str, Step]) -> Iterator[Store]:
    """A store in which somebody else built the canary images, from nothing with the code of this checkout."""
    with parts.beside(canaries, "else where, ü") as folder:
        there = parts.copied(canaries, Store(folder / "store"), canary_steps.values(), ())
        build_elsewhere(there, folder / "out", IMAGES, SERIES, canary_root)
        yield there
