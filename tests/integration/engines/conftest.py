"""What steps of the engines' tests run on: a small tree, and a Docker daemon of our own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scs_build.engines.docker import DockerEngine
from scs_build.engines.native import NativeEngine
from scs_build.engines.spec import Engine
from scs_build.engines.tools import ToolsTree, fill_tree
from scs_build.store.store import Store
from tests.integration.conftest import PLATFORM, graph_of
from tests.integration.daemon import Daemon

# A shell, the usual programs, and what they are linked with.
PACKAGES = {
    "base-files", "coreutils", "dash", "hostname", "libacl1", "libattr1", "libc6", "libcap2", "libgmp10",
    "libpcre2-8-0", "libselinux1", "libssl3t64", "libsystemd0", "libzstd1", "util-linux", "zlib1g",
}  # fmt: skip


@pytest.fixture(scope="session")
def base(store: Store, tools: ToolsTree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree in which a shell and the usual programs run; quickly sent to a daemon, unlike the tools."""
    tree = tmp_path_factory.mktemp("base") / "tree"
    tree.mkdir()
    artefacts = [a for a in graph_of().tools().artefacts if a.name in PACKAGES]
    fill_tree(tree, [(a.kind, store.blob(a.sha256)) for a in artefacts])
    return tree


@pytest.fixture(scope="session")
def daemon(store: Store) -> Iterator[Daemon]:
    """A daemon that sees none of our files."""
    started = Daemon("docker", [store.root.parent, Path(tempfile.gettempdir())])
    try:
        yield started
    finally:
        started.stop()


@pytest.fixture
def at_daemon(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """The daemon, named as users name it."""
    daemon.named(monkeypatch)
    return daemon


@pytest.fixture(params=["native", "docker"])
def make_engine(request: pytest.FixtureRequest, tools: ToolsTree) -> Callable[[], Engine]:
    """Each engine in turn: what makes a new one."""
    if request.param == "native":
        return lambda: NativeEngine(tools)
    request.getfixturevalue("at_daemon")
    return lambda: DockerEngine(PLATFORM)


@pytest.fixture(autouse=True)
def _root() -> None:
    assert os.geteuid() == 0, "the engines need root"
