"""Progress on standard error: live bars on a terminal, else plain lines that suit a log."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from scs_build.cli.output import amount, seconds
from scs_build.progress import Progress, Task

# A task that takes longer than this is announced; a shorter one is told only when it ends.
LONG = 2.0


def make_progress(*, verbose: bool = False, stream: TextIO | None = None) -> Progress:
    """Return the listener that fits `stream` (standard error): live on a terminal, else plain lines."""
    stream = stream or sys.stderr
    if wants_plain(stream):
        return PlainProgress(stream, verbose=verbose)
    from scs_build.cli.live import LiveProgress

    return LiveProgress(stream, verbose=verbose)


def wants_plain(stream: TextIO) -> bool:
    """Tell whether moving bars would be out of place: no terminal, a dumb one, CI, or no colour wanted."""
    if not stream.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return True
    return any(os.environ.get(name) for name in ("NO_COLOR", "CI"))


class Counter:
    """A task whose amount is counted; `advance` and `note` are safe from any thread."""

    def __init__(self, title: str, unit: str) -> None:
        self.title = title
        self.unit = unit
        self.done = 0
        self._started = time.monotonic()
        self._lock = threading.Lock()

    def advance(self, amount: int = 1) -> None:
        """Count `amount` more."""
        with self._lock:
            self.done += amount

    def note(self, text: str) -> None:
        """Do nothing: a log needs no moving text."""

    def line(self, *, failed: bool) -> str:
        """Return the line that stays when the task has ended."""
        took = seconds(time.monotonic() - self._started)
        if failed:
            return f"{self.title}: failed after {took}"
        did = f"{amount(self.done, self.unit)} in " if self.done else ""
        return f"{self.title}: {did}{took}"


class NotingCounter(Counter):
    """A counter of a verbose log: it tells what is being worked on."""

    def __init__(self, title: str, unit: str, progress: PlainProgress) -> None:
        super().__init__(title, unit)
        self._progress = progress

    def note(self, text: str) -> None:
        """Tell what is being worked on now."""
        self._progress.say(f"{self.title}: {text}")


class PlainProgress:
    """Lines for a log: one when a long task is under way, one when a task ends."""

    def __init__(self, stream: TextIO, *, verbose: bool = False, long: float = LONG) -> None:
        self._stream = stream
        self._verbose = verbose
        self._long = long
        self._lock = threading.Lock()

    @contextmanager
    def task(self, title: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        """Open a task; see `scs_build.progress.Progress`."""
        counter = NotingCounter(title, unit, self) if self._verbose else Counter(title, unit)
        of = f" ({amount(total, unit)})" if total else ""
        announcement = threading.Timer(self._long, self.say, (f"{title}{of} ...",))
        announcement.daemon = True
        announcement.start()
        try:
            yield counter
        except BaseException:
            announcement.cancel()
            self.say(counter.line(failed=True))
            raise
        announcement.cancel()
        self.say(counter.line(failed=False))

    def say(self, text: str) -> None:
        """Write one line."""
        with self._lock:
            self._stream.write(text + "\n")
            self._stream.flush()
