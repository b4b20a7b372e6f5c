import os
import signal
from pathlib import Path

import pytest

from scs_build.stack.interrupts import one_interrupt
from scs_build.stack.processes import SandboxProcess, children, descendants

# What bubblewrap's two processes look like from outside: the command is their grandchild.
NESTED = ["/bin/sh", "-c", '/bin/sh -c \'"$@"; exit $?\' x "$@"; exit $?', "x"]
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def test_the_status_and_the_output_of_a_command(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = SandboxProcess([*NESTED, "sh", "-c", "echo hello; echo oh >&2; exit 7"], ENVIRONMENT, log)
    assert process.wait() == 7
    assert log.read_text() == "hello\noh\n"


def test_lines_are_handed_over_and_the_end_is_told() -> None:
    lines: list[str] = []
    ended: list[int] = []
    process = SandboxProcess(
        ["/bin/sh", "-c", "echo a; echo b"], ENVIRONMENT, line=lines.append, on_end=ended.append
    )
    assert process.wait() == 0
    assert lines == ["a\n", "b\n"]
    assert ended == [0]


def test_the_command_itself_is_signalled(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = "trap 'echo told; exit 3' TERM; echo ready; while :; do sleep 0.01; done"
    process = SandboxProcess([*NESTED, "sh", "-c", script], ENVIRONMENT, log)
    while not log.is_file() or log.read_text() != "ready\n":
        assert process.wait(0.01) is None
    assert process.stop(signal.SIGTERM, 30) is False
    assert process.wait() == 3
    assert log.read_text() == "ready\ntold\n"


def test_what_does_not_end_is_killed(tmp_path: Path) -> None:
    process = SandboxProcess(["/bin/sh", "-c", "sleep 60"], ENVIRONMENT, tmp_path / "log")
    assert process.wait(0.01) is None
    assert process.stop(signal.SIGTERM, 0.05) is True
    assert process.wait() == 128 + signal.SIGKILL


def test_children_of_a_process_and_of_none() -> None:
    assert children(2**22 + 1) == []
    assert set(children(os.getpid())) <= set(descendants(os.getpid()))


def test_only_the_first_interrupt_counts() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with one_interrupt():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before
