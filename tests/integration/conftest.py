"""What integration tests stand on: the user's store, filled by the project's own set-up and build."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from scs_build.build.build import BuildResult, Options, build
from scs_build.build.executor import Executor
from scs_build.engines.native import NativeEngine
from scs_build.engines.tools import ToolsTree
from scs_build.inputs.kinds import INPUTS
from scs_build.plan.graph import Graph
from scs_build.plan.step import Step
from scs_build.progress import Silent
from scs_build.recipes.catalogue import Catalogue
from scs_build.recipes.site import load_site
from scs_build.store.fetch import Download, fetch
from scs_build.store.store import Store

ROOT = Path(__file__).resolve().parents[2]
SERIES = "2026.1"
PLATFORM = "linux/amd64"
# Set where pins of the committed locks have vanished: what is built then is not what is written down.
OVERLAY = os.environ.get("SCS_BUILD_LOCK_OVERLAY", "")
LOCKS_OVER = (Path(OVERLAY).resolve(),) if OVERLAY else ()


def graph_of(root: Path = ROOT, series: str = SERIES) -> Graph:
    catalogue = Catalogue.load(root, LOCKS_OVER)
    return Graph(catalogue, catalogue.series(series), PLATFORM)


def build_images(
    store: Store, names: tuple[str, ...], root: Path = ROOT, *, offline: bool = False
) -> BuildResult:
    options = Options(load_site(), NativeEngine, jobs=2, offline=offline)
    return build(graph_of(root), store, names, options, Silent())


def make_all(store: Store, graph: Graph, steps: Iterable[Step]) -> None:
    """Run those of the steps that the store has no results of, also what no build needs any more."""
    Executor(graph, store, NativeEngine, 2, Silent()).make(list(steps))


def fetch_all(store: Store, steps: Iterable[Step]) -> None:
    """Fetch the artefacts of these steps that the store does not hold."""
    site = load_site()
    downloads = [
        Download(a.sha256, a.size, a.name, lambda a=a: INPUTS[a.kind].urls(a, site))
        for step in steps
        for a in step.artefacts
        if not store.has(a.sha256)
    ]
    fetch(store, downloads)


@pytest.fixture(scope="session")
def store() -> Store:
    return Store.default()


@pytest.fixture(scope="session")
def tools(store: Store) -> ToolsTree:
    """The tools tree of the committed lock, fetched and unpacked where it is not there yet."""
    assert os.geteuid() == 0, "the native engine needs root"
    graph = graph_of()
    fetch_all(store, [graph.tools()])
    executor = Executor(graph, store, NativeEngine, 2, Silent())
    record = executor.make([graph.tools()])["tools"]
    assert isinstance(record, dict), record
    tree = store.tree(record["uses"]["trees"][0])
    assert tree is not None
    return ToolsTree(tree)


@pytest.fixture(scope="session")
def built(store: Store) -> BuildResult:
    """The five images of the series, built from the committed locks."""
    result = build_images(store, graph_of().catalogue.images(graph_of().series))
    assert not result.failures
    return result
