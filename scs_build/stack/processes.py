"""A sandbox that runs in a thread of its own: what is inside it, its end, and how to bring that about."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import IO

from scs_build.engines.sandbox import divided
from scs_build.engines.supervise import Leash, supervised_argv
from scs_build.engines.tools import ToolsTree
from scs_build.run import run

STATUSES = range(-64, 256)
POLL_SECONDS = 0.01
# Of two signals in a row the kernel may give both to another thread than the main one, which alone acts on
# them and which a lock does not wake: so it looks up now and then.
LOOK_SECONDS = 0.5
# What is between us and the first process of the sandbox: the supervisor's two processes and bubblewrap.
ABOVE_INIT = 3
# The number of the command in the sandbox, where bubblewrap itself has the first.
COMMAND = 2


class SandboxProcess:
    """A sandbox (the argument list of bubblewrap), started at once and ended at the latest with us.

    Variables of the loader in `environment` reach no program of ours: the sandbox has them for its command.

    It is told to end by a signal to the command itself: bubblewrap passes none on. `on_end` gets the status
    (128 + n after signal n) in a thread of the sandbox. Its streams go to `log`, or standard output to `line`
    and standard error to `stderr`, or all of them are the caller's.
    """

    def __init__(
        self,
        tools: ToolsTree,
        argv: Sequence[str],
        environment: Mapping[str, str],
        log: Path | None = None,
        on_end: Callable[[int], None] | None = None,
        line: Callable[[str], None] | None = None,
    ) -> None:
        self._ended: Future[int] = Future()
        self._started: Future[int] = Future()
        self._leash = Leash()
        self.stderr = b""
        self._argv = supervised_argv(tools, self._leash, argv)
        self._environment, self._log, self._line = divided(environment)[0], log, line
        if on_end:
            self._ended.add_done_callback(lambda ended: on_end(-1 if ended.exception() else ended.result()))
        threading.Thread(target=self._run, daemon=True).start()

    def wait(self, timeout: float | None = None) -> int | None:
        """Return the status of the command, None when it has not ended within `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._ended.done():
            left = LOOK_SECONDS if deadline is None else deadline - time.monotonic()
            if left <= 0:
                return None
            with suppress(NotYet):
                return self._ended.result(min(left, LOOK_SECONDS))
        return self._ended.result()

    def init(self) -> int | None:
        """Return the first process of the sandbox, which has all its namespaces; None when there is none."""
        pid: int | None = self._started.result()
        for _ in range(ABOVE_INIT):
            pid = next(iter(children(pid)), None) if pid else None
        return pid

    def command(self) -> int | None:
        """Return the process that was asked for; None before it is there and after it ended."""
        init = self.init()
        return next((pid for pid in children(init) if _number_inside(pid) == COMMAND), None) if init else None

    def memory(self) -> int:
        """Return the bytes of memory of all processes inside, shared pages counted by share."""
        init = self.init()
        return sum(_proportional(pid) for pid in descendants(init)) if init else 0

    def stop(self, number: signal.Signals, grace: float) -> bool:
        """Signal the command and wait for its end; kill it after `grace` seconds and return True then.

        The signal is sent once: many programs take a second one for an order to end at once and uncleanly.
        """
        deadline = time.monotonic() + grace
        told = False
        while (left := deadline - time.monotonic()) > 0:
            pid = None if told else self.command()
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
                told = True
            # Without a command bubblewrap still prepares the sandbox.
            if self.wait(left if told else min(left, POLL_SECONDS)) is not None:
                return False
        self.kill()
        self.wait()
        return True

    def kill(self) -> None:
        """End the sandbox and everything in it at once."""
        self._leash.cut()

    def _run(self) -> None:
        try:
            with self._leash, self._log.open("ab") if self._log else nullcontext() as log:
                status = self._run_in(log)
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            if not self._started.done():
                self._started.set_result(0)
            self._ended.set_exception(error)
        else:
            self._ended.set_result(128 - status if status < 0 else status)

    def _run_in(self, log: IO[bytes] | None) -> int:
        done = run(
            self._argv, env=self._environment, log=log, line=self._line, attached=not (log or self._line),
            keep=self._leash.end, accept=STATUSES, started=self._started.set_result,
        )  # fmt: skip
        self.stderr = done.stderr
        return done.status


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


def _number_inside(pid: int) -> int:
    """Return the number of a process in its own PID namespace; 0 when it is gone."""
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next((int(line.split()[-1]) for line in lines if line.startswith("NSpid:")), 0)
    return 0


def _proportional(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
