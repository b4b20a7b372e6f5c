"""`scs-build`, killed with signal 9 at a chosen point: `python -m tests.dying POINT ARGUMENT...`.

A point says what the process is about to do when it dies, or which program of a step is running then. It is
found by the interpreter's own audit events, so that the product needs no hooks for it and nothing is timed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from scs_build.cli.main import main

# What a point can wait for: the audit event, and which of its arguments is the path that comes into being.
EVENTS = {
    "make": {"open": 0, "os.mkdir": 0},
    "open": {"open": 0},
    "link": {"os.link": 1},
    "rename": {"os.rename": 1},
    "program": {"os.fork": 0},
}


@dataclass(frozen=True)
class Point:
    """Just before `event` on a path like `path` happens for the `number`th time, in the thread `thread`.

    With the event `program`: while a program of the name `path` runs below this process, which the thread
    started. A step works in the thread of its own name; patterns are those of the shell.
    """

    thread: str
    event: str
    path: str
    number: int = 1

    def __str__(self) -> str:
        return f"{self.thread}: {self.event} {self.path} ({self.number})"


def run_until(point: Point, argv: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `scs-build` with these arguments until it dies at the point, or ends without getting there."""
    line = [sys.executable, "-m", "tests.dying", json.dumps(asdict(point)), *argv]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True)


def die() -> None:
    """End as a machine ends that loses its power, only that the disk stays."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)  # the signal may reach another thread first


class Watch:
    """Listens to the audit events of this process."""

    def __init__(self, point: Point) -> None:
        self._point = point
        self._left = point.number

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        """Take an event; called by the interpreter in the thread that causes it."""
        position = EVENTS[self._point.event].get(event)
        if position is None or not fnmatch(threading.current_thread().name, self._point.thread):
            return
        if self._point.event == "program":
            threading.Thread(target=self._follow, daemon=True).start()
        elif self._names(args[position]):
            self._left -= 1
            if self._left == 0:
                die()

    def _names(self, path: object) -> bool:
        return isinstance(path, str | bytes | os.PathLike) and fnmatch(os.fsdecode(path), self._point.path)

    def _follow(self) -> None:
        while not any(fnmatch(name, self._point.path) for name in programs_below(os.getpid())):
            time.sleep(0.002)
        die()


def programs_below(pid: int) -> Iterator[str]:
    """Yield the names of all programs that descend from a process, in whatever namespace they are."""
    parents, names = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            head, _, tail = (folder / "stat").read_text().rpartition(")")
        except OSError:
            continue
        names[int(folder.name)] = head.partition("(")[2]
        parents[int(folder.name)] = int(tail.split()[1])
    for child, name in names.items():
        above = parents.get(child)
        while above not in (pid, None):
            above = parents.get(above)
        if above == pid:
            yield name


if __name__ == "__main__":
    sys.addaudithook(Watch(Point(**json.loads(sys.argv[1]))))
    sys.exit(main(sys.argv[2:]))
