"""Every image of every series, made by the Docker engine from nothing but artefacts, is the native one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scs_build.build.build import Options, build
from scs_build.engines.docker import DockerEngine
from scs_build.engines.native import NativeEngine
from scs_build.engines.spec import Engine
from scs_build.engines.tools import ToolsTree
from scs_build.plan.graph import Graph
from scs_build.progress import Silent
from scs_build.recipes.site import load_site
from scs_build.store.store import Store
from tests.integration.build import parts
from tests.integration.conftest import PLATFORM, ROOT, graph_of
from tests.integration.daemon import Daemon

ALL_SERIES = tuple(sorted(path.parent.name for path in ROOT.glob("images/series/*/series.yaml")))
STORE = Store.default()


@pytest.fixture(scope="module")
def stores() -> Iterator[dict[str, Store]]:
    """A store for each engine, on the same disk, that outlives a series: the next one may use its steps."""
    folder = Path(tempfile.mkdtemp(prefix=f"{STORE.root.name}-engines-{os.getpid()}-", dir=STORE.root.parent))
    yield {name: Store(folder / name) for name in ("native", "docker")}
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    started = Daemon("system", [STORE.root.parent, Path(tempfile.gettempdir())])
    yield started
    started.stop()


@pytest.mark.parametrize("series", ALL_SERIES)
def test_both_engines_make_the_same_of_every_step(
    series: str, stores: dict[str, Store], daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    monkeypatch.setenv("DOCKER_HOST", daemon.url)
    graph = graph_of(series=series)
    images = graph.catalogue.images(graph.series)
    build_with(STORE, graph, images, "native")  # so that the artefacts are there
    steps = parts.steps_of(graph, images)
    made = {}
    for engine, store in stores.items():
        parts.copied(STORE, store, steps.values(), ())
        made[engine] = build_with(store, graph, images, engine)
    assert set(made["docker"]) == set(images)
    assert made["docker"] == made["native"]
    results = {
        name: [store.record(step.key)["result"] for store in stores.values()]  # type: ignore[index]
        for name, step in steps.items()
    }
    assert {name: both for name, both in results.items() if len(set(both)) > 1} == {}


def build_with(store: Store, graph: Graph, images: tuple[str, ...], name: str) -> dict[str, str]:
    def make_engine(tools: ToolsTree) -> Engine:
        return NativeEngine(tools) if name == "native" else DockerEngine(PLATFORM)

    result = build(graph, store, images, Options(load_site(), make_engine, jobs=2), Silent())
    assert not result.failures, result.failures
    return {image.name: image.digest for image in result.images}
