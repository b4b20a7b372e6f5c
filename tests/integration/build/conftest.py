"""Checkouts and stores that a test may change."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from scs_build.build.build import BuildResult
from scs_build.store.store import Store
from tests.integration.conftest import ROOT, graph_of


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the recipes that a test may change."""
    shutil.copytree(ROOT / "images", tmp_path / "checkout/images")
    return tmp_path / "checkout"


@pytest.fixture
def fresh(store: Store, built: BuildResult) -> Iterator[Store]:
    """A store on the same disk that holds what the locks name, and nothing that was built."""
    other = Store(store.root.parent / f"{store.root.name}-test-{os.getpid()}")
    other.prepare()
    graph, names = graph_of(), [image.name for image in built.images]
    steps = {s.name: s for name in names for s in graph.image(name).closure().values()}
    for artefact in {a.sha256: a for step in steps.values() for a in step.artefacts}.values():
        other.blob(artefact.sha256).hardlink_to(store.blob(artefact.sha256))
    yield other
    shutil.rmtree(other.root)
