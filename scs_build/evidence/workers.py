"""Work spread over processes: what looks at bytes is Python, of which one thread runs at a time.

Workers are forked, where no other thread runs that could hold a lock at that moment: they begin with
everything that is loaded and known, and every unit of work, so that only its number is sent to them. Started
anew (spawn, forkserver) each would read all recipes and locks again, which takes as long as its share.
A worker ends with its parent, however that ends: it is held by a pipe (docs/decisions/0007).
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import Any, NoReturn

from scs_build.errors import ProgramError

# Waits are in short turns, so that a signal reaches the main thread.
TURN = 0.2
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Unit:
    """Something to do, once all units with the numbers `after` (lower than its own) are done."""

    work: Callable[[], Any]
    after: frozenset[int] = frozenset()


@dataclass
class _Worker:
    process: ForkProcess
    connection: Connection
    unit: int = -1


@dataclass
class Workers:
    """Does units of work, in `processes` or (none) here; made by `forked`."""

    units: Sequence[Unit]
    processes: list[_Worker] = field(default_factory=list)

    def results(self) -> Iterator[tuple[int, Any]]:
        """Yield the number of each unit and what its work returned, in the order in which they end.

        What work raises is raised here, with the traceback of the worker as a note; `ProgramError` when a
        worker ends by itself. Results, and what is raised, are pickled.
        """
        if not self.processes:
            yield from ((number, unit.work()) for number, unit in enumerate(self.units))
            return
        waiting = dict(enumerate(self.units))
        done = set[int]()
        while waiting or any(worker.unit >= 0 for worker in self.processes):
            for worker in self.processes:
                ready = (number for number, unit in waiting.items() if unit.after <= done)
                if worker.unit < 0 and (number := next(ready, None)) is not None:
                    del waiting[number]
                    _send(worker, number)
            busy = {worker.connection: worker for worker in self.processes if worker.unit >= 0}
            for connection in wait(list(busy), TURN):
                worker = busy[connection]  # type: ignore[index]
                result = _received(worker)
                done.add(worker.unit)
                yield worker.unit, result
                worker.unit = -1


@contextmanager
def forked(units: Sequence[Unit], jobs: int) -> Iterator[Workers]:
    """Lend what does the units: as many processes as there are jobs, none for a single job.

    None either where a thread runs beside this one. They are gone when the context ends, work or not.
    """
    number = min(jobs, len(units))
    if number <= 1 or threading.active_count() > 1:
        yield Workers(units)
        return
    leash, held = os.pipe()
    processes: list[_Worker] = []
    try:
        processes.extend(_fork(units, leash, held) for _ in range(number))
        yield Workers(units, processes)
    finally:
        os.close(held)
        os.close(leash)
        for worker in processes:
            worker.process.kill()
        for worker in processes:
            worker.process.join()
            worker.connection.close()


def _fork(units: Sequence[Unit], leash: int, held: int) -> _Worker:
    context = get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(units, theirs, leash, held), daemon=True)
    # Whoever presses Ctrl-C before the worker ignores it is heard by this process alone.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        theirs.close()
    return _Worker(process, ours)


def _send(worker: _Worker, number: int) -> None:
    worker.unit = number
    try:
        worker.connection.send(number)
    except OSError as error:
        raise _gone(worker) from error


def _received(worker: _Worker) -> Any:
    try:
        error, result = worker.connection.recv()
    except (EOFError, OSError) as broken:
        raise _gone(worker) from broken
    if error is not None:
        raise error
    return result


def _gone(worker: _Worker) -> ProgramError:
    worker.process.join()
    return ProgramError(
        f"a process that looks at images ended by itself (status {worker.process.exitcode})",
        solution="look whether the machine is out of memory; --jobs 1 does all in one process",
    )


def _serve(units: Sequence[Unit], connection: Connection, leash: int, held: int) -> None:
    """Do units as their numbers come, until the parent is gone."""
    os.close(held)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    threading.Thread(target=_end_with, args=(leash,), daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            connection.send(_answer(units[connection.recv()]))


def _end_with(leash: int) -> NoReturn:
    os.read(leash, 1)
    os._exit(1)


def _answer(unit: Unit) -> tuple[BaseException | None, Any]:
    """Return what work raises, or what it returns."""
    import pickle
    import traceback

    try:
        return None, unit.work()
    except Exception as error:  # noqa: BLE001 - raised again in the parent
        error.add_note("".join(traceback.format_exception(error)).rstrip())
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:  # noqa: BLE001 - of whatever kind: it cannot be sent as it is
            return RuntimeError("\n".join(error.__notes__)), None
        return error, None
