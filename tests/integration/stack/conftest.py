"""Stacks of the images that were built: that of the checkout, and small ones that go wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scs_build.build.build import BuildResult
from scs_build.build.runnable import RunnableImage, runnable_images
from scs_build.engines.tools import ToolsTree
from scs_build.progress import Silent
from scs_build.stack.run import StackRun, run_stack
from scs_build.store.store import Store
from tests.integration.conftest import ROOT, SERIES, graph_of

SAFE = '    read_only: true\n    cap_drop: [ALL]\n    security_opt: ["no-new-privileges:true"]\n'


@pytest.fixture(scope="session")
def images(store: Store, built: BuildResult) -> dict[str, RunnableImage]:
    return runnable_images(graph_of(), store, ("mariadb", "memcached", "keystone", "python"), 2, Silent())


@pytest.fixture(scope="session")
def identity(
    store: Store,
    tools: ToolsTree,
    images: dict[str, RunnableImage],
    tmp_path_factory: pytest.TempPathFactory,
) -> StackRun:
    logs = tmp_path_factory.mktemp("identity") / "logs"
    needed = {name: images[name] for name in ("mariadb", "memcached", "keystone")}
    return run_stack(ROOT / "stacks/identity/compose.yaml", SERIES, needed, tools, store, logs, Silent())


@pytest.fixture
def run_small(
    store: Store, tools: ToolsTree, images: dict[str, RunnableImage], tmp_path: Path
) -> Callable[[str], StackRun]:
    """Run a stack given by the services of its file, each without what makes it safe."""

    def run(services: str) -> StackRun:
        folder = tmp_path / "small"
        folder.mkdir()
        blocks = [f"  {block.strip()}\n{SAFE}" for block in services.strip().split("\n\n")]
        (folder / "compose.yaml").write_text("name: small\nservices:\n" + "".join(blocks))
        (folder / "values.yaml").write_text("format: 1\nvalues: {}\n")
        return run_stack(folder / "compose.yaml", SERIES, images, tools, store, tmp_path / "logs", Silent())

    return run
