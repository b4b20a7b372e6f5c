"""Sandboxes: what of them is seen from outside, and how they end."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from scs_build.engines.sandbox import Sandbox, sandbox_argv
from scs_build.engines.tools import ToolsTree
from scs_build.stack.processes import SandboxProcess, descendants

Start = Callable[..., SandboxProcess]
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


@pytest.fixture
def start(tools: ToolsTree) -> Start:
    def start(script: str, **options: object) -> SandboxProcess:
        sandbox = Sandbox(layers=tools.layers, argv=("/bin/sh", "-c", script), uid=42424, environment=None)
        return SandboxProcess(tools, sandbox_argv(tools, sandbox), ENVIRONMENT, **options)  # type: ignore[arg-type]

    return start


def test_the_status_and_the_output_of_a_command(start: Start, tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert start("echo hello; echo oh >&2; exit 7", log=log).wait() == 7
    assert log.read_text() == "hello\noh\n"


def test_lines_are_handed_over_and_the_end_is_told(start: Start) -> None:
    lines: list[str] = []
    ended: list[int] = []
    process = start("echo a; echo b; echo oh >&2", line=lines.append, on_end=ended.append)
    assert process.wait() == 0
    assert (lines, ended, process.stderr) == (["a\n", "b\n"], [0], b"oh\n")


def test_a_command_gets_the_descriptors_and_the_environment_that_it_shall_have(
    start: Start, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    start("ls /proc/$$/fd; readlink /proc/$$/fd/0; env", log=log).wait()
    assert log.read_text().split() == ["0", "1", "2", "/dev/null", "PATH=/usr/bin:/bin", "PWD=/"]


def test_the_command_itself_is_signalled(start: Start, tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = "trap 'echo told; exit 3' TERM; echo ready; while :; do sleep 0.01; done"
    process = start(script, log=log)
    while not log.is_file() or log.read_text() != "ready\n":
        assert process.wait(0.01) is None
    assert process.stop(signal.SIGTERM, 30) is False
    assert process.wait() == 3
    assert log.read_text() == "ready\ntold\n"


def test_a_command_is_told_once(start: Start, tmp_path: Path) -> None:
    """A database that was told to end and takes its time must not be told again: many then end uncleanly."""
    log = tmp_path / "log"
    process = start("trap 'echo told' TERM; echo ready; while :; do sleep 0.1; done", log=log)
    while not log.is_file() or log.read_text() != "ready\n":
        assert process.wait(0.01) is None
    assert process.stop(signal.SIGTERM, 2.5) is True
    assert log.read_text() == "ready\ntold\n"


def test_what_does_not_end_is_killed_and_nothing_of_it_is_left(start: Start, tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = start("trap '' TERM; setsid sleep 600 & echo ready; sleep 600", log=log)
    while not log.is_file() or log.read_text() != "ready\n":
        assert process.wait(0.01) is None
    init = process.init()
    assert init
    below = [init, *descendants(init)]
    assert process.stop(signal.SIGTERM, 0.05) is True
    assert process.wait() == 128 + signal.SIGKILL
    assert not [pid for pid in below if Path(f"/proc/{pid}").exists()]
    assert (process.init(), process.command(), process.memory()) == (None, None, 0)


def test_the_command_is_known_by_its_number_and_not_by_its_age(start: Start, tmp_path: Path) -> None:
    """An orphan becomes a child of the sandbox's first process, as the command is one."""
    log = tmp_path / "log"
    process = start("(sleep 600 &); echo $$; sleep 600", log=log)
    while not log.is_file() or log.read_text() != "2\n":
        assert process.wait(0.01) is None
    command = process.command()
    assert command
    assert b"echo $$" in Path(f"/proc/{command}/cmdline").read_bytes()
    assert process.memory() > 0
    process.kill()
    assert process.wait() == 128 + signal.SIGKILL


def descriptors() -> set[Path]:
    return set(Path("/proc/self/fd").iterdir())


def test_a_sandbox_that_cannot_start_ends_with_a_status(
    tools: ToolsTree, start: Start, tmp_path: Path
) -> None:
    start("exit 0").wait()  # what is opened once for all programs is open from here on
    before = descriptors()
    sandbox = Sandbox(layers=(tmp_path / "missing",), argv=("/bin/sh",))
    process = SandboxProcess(tools, sandbox_argv(tools, sandbox), ENVIRONMENT, tmp_path / "log")
    assert process.wait() == 1
    assert "missing" in (tmp_path / "log").read_text()
    assert descriptors() == before
