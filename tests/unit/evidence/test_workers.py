"""Work in processes: in its order, at the same time, errors as they are, and never a process that stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from scs_build.errors import Location, ProgramError, VerificationError
from scs_build.evidence.workers import Unit, forked

# Ends with its work only when it is told to, long after the test.
SLEEPING = """
import os, sys, time
from pathlib import Path
from scs_build.evidence.workers import Unit, forked

def sleep():
    Path(sys.argv[1], str(os.getpid())).touch()
    time.sleep(300)

with forked([Unit(sleep), Unit(sleep)], 2) as workers:
    list(workers.results())
"""


def results(units: list[Unit], jobs: int = 2) -> dict[int, object]:
    with forked(units, jobs) as workers:
        return dict(workers.results())


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def meet(own: Path, other: Path) -> int:
    own.touch()
    until(other.exists)
    return os.getpid()


def alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def test_units_are_done_at_the_same_time_in_processes_of_their_own(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    found = results([Unit(partial(meet, a, b)), Unit(partial(meet, b, a))])
    assert len({*found.values(), os.getpid()}) == 3


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_unit_waits_for_what_it_stands_on(tmp_path: Path, jobs: int) -> None:
    def first() -> None:
        time.sleep(0.05)
        (tmp_path / "done").touch()

    def second() -> bool:
        return (tmp_path / "done").exists()

    units = [
        Unit(first),
        Unit(second, frozenset({0})),
        Unit(lambda: "other"),
        Unit(second, frozenset({0, 2})),
    ]
    assert results(units, jobs) == {0: None, 1: True, 2: "other", 3: True}


def test_a_single_job_and_a_thread_beside_it_keep_the_work_here() -> None:
    units = [Unit(os.getpid), Unit(os.getpid)]
    assert set(results(units, 1).values()) == {os.getpid()}
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        assert set(results(units, 2).values()) == {os.getpid()}
    finally:
        end.set()
        thread.join()


def test_an_error_comes_as_it_is_raised_and_tells_where() -> None:
    def fail() -> None:
        raise VerificationError("is broken", where=Location("a/b", 3), solution="mend it")

    with pytest.raises(VerificationError) as caught:
        results([Unit(fail), Unit(fail)])
    error = caught.value
    assert (error.reason, error.where, error.solution) == ("is broken", Location("a/b", 3), "mend it")
    assert "in fail" in error.__notes__[0]


def test_an_error_that_cannot_be_sent_still_tells_what_happened() -> None:
    class Local(Exception):  # noqa: N818 - no name that pickle finds
        pass

    def fail() -> None:
        raise Local("odd")

    with pytest.raises(RuntimeError, match="odd"):
        results([Unit(fail), Unit(fail)])


def test_a_worker_that_is_killed_is_an_error() -> None:
    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(ProgramError, match=r"status -9"):
        results([Unit(die), Unit(die)])


def test_no_worker_stays_when_the_work_is_left(tmp_path: Path) -> None:
    def sleep() -> None:
        (tmp_path / str(os.getpid())).touch()
        time.sleep(300)

    with pytest.raises(KeyboardInterrupt), forked([Unit(os.getpid), Unit(sleep), Unit(sleep)], 2) as workers:
        for _ in workers.results():
            until(lambda: any(tmp_path.iterdir()))
            raise KeyboardInterrupt
    assert any(tmp_path.iterdir())
    assert not any(alive(int(path.name)) for path in tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_worker_stays_when_the_parent_ends(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", SLEEPING, str(tmp_path)]
    parent = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    until(lambda: len(list(tmp_path.iterdir())) == 2)
    parent.send_signal(number)
    _, talk = parent.communicate(timeout=30)
    until(lambda: not any(alive(int(path.name)) for path in tmp_path.iterdir()))
    assert parent.returncode == -number
    assert talk.count("Traceback") == (number is signal.SIGINT)
