"""What only the native engine does: nothing of it outlives its caller, and `doctor` tries it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from scs_build.engines.native import NativeEngine
from scs_build.engines.tools import ToolsTree
from tests.integration.daemon import wait_until

CHILD = """
import sys, threading
from pathlib import Path
from scs_build.engines.native import NativeEngine
from scs_build.engines.spec import StepSpec
from scs_build.engines.tools import ToolsTree

tools, folder, script = ToolsTree(Path(sys.argv[1])), Path(sys.argv[2]), sys.argv[3]
(folder / "into").mkdir()
spec = StepSpec(name="step", argv=("/bin/sh", "-c", script), layers=tools.layers)
thread = threading.Thread(target=NativeEngine(tools).run, args=(spec, folder / "into", folder / "log"))
thread.start()
thread.join()
"""


def test_kill_9_of_the_caller_ends_the_step_and_leaves_no_mount(tools: ToolsTree, tmp_path: Path) -> None:
    mark = f"86400.{os.getpid()}"
    script = f"setsid sleep {mark} & sleep {mark}"
    child = subprocess.Popen([sys.executable, "-c", CHILD, tools.path, tmp_path, script])
    try:
        wait_until(lambda: len(sleepers(mark)) == 2)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    wait_until(lambda: not sleepers(mark))
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()


@pytest.mark.parametrize("milliseconds", range(0, 40, 4))
def test_kill_9_while_a_step_starts_leaves_nothing(
    tools: ToolsTree, tmp_path: Path, milliseconds: int
) -> None:
    """The moments between fork and bubblewrap's own guard, in which a parent's death goes unnoticed."""
    mark = f"86401.{os.getpid()}{milliseconds:02}"  # a number: the step must not end by itself
    with subprocess.Popen([sys.executable, "-c", CHILD, tools.path, tmp_path, f"sleep {mark}"]) as child:
        wait_until(lambda: any(mark in command for command in commands(child.pid)))
        time.sleep(milliseconds / 1000)
        child.kill()
    wait_until(lambda: not any(mark in command for command in commands(child.pid)))


def commands(without: int) -> list[str]:
    """Return the command lines of all processes but one."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != without:
            with suppress(OSError):  # it has just ended
                found.append((process / "cmdline").read_bytes().decode(errors="replace"))
    return found


def sleepers(mark: str) -> list[str]:
    return [command for command in commands(0) if command.startswith("sleep\0") and mark in command]


def test_doctor_finds_nothing_wrong_where_steps_run(tools: ToolsTree, tmp_path: Path) -> None:
    assert NativeEngine(tools).check(tmp_path) == []


def test_doctor_tells_why_steps_cannot_run(tools: ToolsTree) -> None:
    problems = NativeEngine(tools).check(Path("/proc"))
    assert len(problems) == 1
