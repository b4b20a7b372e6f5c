"""kill -9 of any process at any moment leaves no process, no mount and no namespace.

`SCS_BUILD_KILLS=200 pytest tests/integration/stack/test_kills.py` tries more often than the suite does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scs_build.build.runnable import RunnableImage
from scs_build.engines.tools import ToolsTree
from scs_build.store.store import Store
from tests.integration.conftest import ROOT
from tests.integration.stack.conftest import SAFE
from tests.integration.stack.killing import SLEEPER

TRIALS = os.environ.get("SCS_BUILD_KILLS", "24")
SEED = os.environ.get("SCS_BUILD_SEED", str(time.time_ns()))
SERVICE = f"""\
  NAME:
    image: python:${{SERIES}}
    command: {json.dumps(SLEEPER)}
    healthcheck: {{test: [CMD, {SLEEPER[0]}, -c, pass], start_period: 60s, start_interval: 10ms}}
{SAFE}"""


@pytest.fixture
def job(store: Store, tools: ToolsTree, images: dict[str, RunnableImage], tmp_path: Path) -> str:
    """What is started: a sleeping image, or a stack of three that never gets to its end."""
    services = "".join(SERVICE.replace("NAME", name) for name in ("one", "two", "three"))
    after = SERVICE.replace("NAME", "after").replace(
        "    health", "    depends_on: {one: {condition: service_completed_successfully}}\n    health"
    )
    (tmp_path / "compose.yaml").write_text(f"name: sleepers\nservices:\n{services}{after}")
    (tmp_path / "values.yaml").write_text("format: 1\nvalues: {}\n")
    paths = {
        "tools": tools.path,
        "store": store.root,
        "compose": tmp_path / "compose.yaml",
        "logs": tmp_path / "l",
    }
    return json.dumps({"image": images["python"].to_json(), **paths}, default=str)


@pytest.mark.parametrize("what", ["run", "stack"])
def test_nothing_is_left_after_kill_9(tools: ToolsTree, job: str, what: str) -> None:
    alone = tools.argv("unshare", "--mount", "--")
    argv = [*alone, sys.executable, "-m", "tests.integration.stack.killing", what, TRIALS, SEED, job]
    done = subprocess.run(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    trials = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(trials) == int(TRIALS)
    left = [t for t in trials if t["left"] or t["left_spaces"] or t["left_mounts"]]
    assert left == [], f"with SCS_BUILD_SEED={SEED}"
    # What was killed was still at work, and the moments hit sandboxes in all stages of their making.
    assert not any(t["ended"] for t in trials)
    assert len({t["below"] for t in trials}) > 2
