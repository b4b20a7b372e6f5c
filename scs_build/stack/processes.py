"""A sandbox that runs in a thread of its own: what is inside it, its end, and how to bring that about."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from pathlib import Path
from typing import IO

from scs_build.run import run

STATUSES = range(-64, 256)
POLL_SECONDS = 0.01
REPEAT_SECONDS = 2.0


class SandboxProcess:
    """A command in a sandbox, started at once.

    The sandbox dies with the thread that starts it, so that each has a thread which does nothing else. It
    is told to end by a signal to the command itself: bubblewrap passes none on. `on_end` gets the status
    (128 + n after signal n) in that thread. Its streams go to `log`, or standard output to `line` and
    standard error to `stderr`, or both are the caller's.
    """

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        log: Path | None = None,
        on_end: Callable[[int], None] | None = None,
        line: Callable[[str], None] | None = None,
    ) -> None:
        self._ended: Future[int] = Future()
        self._started: Future[int] = Future()
        self._handle = -1
        self.stderr = b""
        self._argv, self._environment, self._log, self._line = argv, environment, log, line
        if on_end:
            self._ended.add_done_callback(lambda ended: on_end(-1 if ended.exception() else ended.result()))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait(self, timeout: float | None = None) -> int | None:
        """Return the status of the command, None when it has not ended within `timeout` seconds."""
        try:
            return self._ended.result(timeout)
        except NotYet:
            if self._ended.done():
                raise
            return None

    def init(self) -> int | None:
        """Return the first process of the sandbox, which has all its namespaces; None when there is none."""
        return next(iter(children(self._pid())), None)

    def command(self) -> int | None:
        """Return the process that was asked for; None before it is there and after it ended."""
        init = self.init()
        return next(iter(children(init)), None) if init else None

    def memory(self) -> int:
        """Return the bytes of memory of all processes inside, shared pages counted by share."""
        init = self.init()
        return sum(_proportional(pid) for pid in descendants(init)) if init else 0

    def stop(self, number: signal.Signals, grace: float) -> bool:
        """Signal the command and wait for its end; kill it after `grace` seconds and return True then.

        The signal is repeated: MariaDB loses one that comes while it starts.
        """
        deadline = time.monotonic() + grace
        while (left := deadline - time.monotonic()) > 0:
            pid = self.command()
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            # Without a command bubblewrap still prepares the sandbox.
            if self.wait(min(left, REPEAT_SECONDS if pid else POLL_SECONDS)) is not None:
                return False
        self.kill()
        self.wait()
        return True

    def kill(self) -> None:
        """End the sandbox and everything in it at once."""
        with suppress(ProcessLookupError, OSError):
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def _pid(self) -> int:
        return self._started.result()

    def _run(self) -> None:
        try:
            status = self._run_in(self._log.open("ab") if self._log else None)
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            if not self._started.done():
                self._started.set_result(0)
            self._ended.set_exception(error)
        else:
            self._ended.set_result(128 - status if status < 0 else status)
        finally:
            handle, self._handle = self._handle, -1
            if handle >= 0:
                os.close(handle)

    def _run_in(self, log: IO[bytes] | None) -> int:
        def started(pid: int) -> None:
            with suppress(ProcessLookupError):  # it ended already
                self._handle = os.pidfd_open(pid)
            self._started.set_result(pid)

        try:
            done = run(
                self._argv, env=self._environment, log=log, line=self._line, attached=not (log or self._line),
                accept=STATUSES, started=started,
            )  # fmt: skip
            self.stderr = done.stderr
            return done.status
        finally:
            if log:
                log.close()


def children(pid: int) -> list[int]:
    """Return the processes that a process started and that still are its children."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found += [int(child) for child in (task / "children").read_text().split()]
    return sorted(found)


def descendants(pid: int) -> Iterator[int]:
    """Yield the processes below a process."""
    for child in children(pid):
        yield child
        yield from descendants(child)


def _proportional(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
