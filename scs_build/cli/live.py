"""Progress on a terminal: one moving bar per open task, one line that stays per ended task."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Task as Bar
from rich.table import Column
from rich.text import Text

from scs_build.cli.console import Counter
from scs_build.cli.output import amount, size
from scs_build.progress import Task


class AmountColumn(ProgressColumn):
    """How much is done, of how much, and for bytes how fast."""

    def render(self, task: Bar) -> Text:
        """Return the text of one bar."""
        unit = str(task.fields["unit"])
        done, total = int(task.completed), task.total
        if unit == "bytes":
            of = f" of {size(int(total))}" if total else ""
            speed = f", {size(int(task.speed))}/s" if task.speed else ""
            return Text(f"{size(done)}{of}{speed}")
        if total:
            return Text(f"{done} of {amount(int(total), unit)}")
        return Text(amount(done, unit) if done else "")


class LiveTask(Counter):
    """A task with a bar."""

    def __init__(self, title: str, unit: str, bars: Progress, total: int | None) -> None:
        super().__init__(title, unit)
        self._bars = bars
        self.bar = bars.add_task(title, total=total, unit=unit, note="")

    def advance(self, amount: int = 1) -> None:
        """Count `amount` more and move the bar."""
        super().advance(amount)
        self._bars.advance(self.bar, amount)

    def note(self, text: str) -> None:
        """Show what is being worked on now beside the bar."""
        self._bars.update(self.bar, note=text)


class LiveProgress:
    """Bars while tasks are open; between tasks the terminal is as any program leaves it."""

    def __init__(self, stream: TextIO, *, verbose: bool = False) -> None:
        self._console = Console(file=stream, highlight=False)
        self._verbose = verbose
        self._lock = threading.Lock()
        self._bars: Progress | None = None
        self._open = 0

    @contextmanager
    def task(self, title: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        """Open a task; see `scs_build.progress.Progress`."""
        bars = self._enter()
        task = LiveTask(title, unit, bars, total)
        failed = True
        try:
            yield task
            failed = False
        finally:
            bars.remove_task(task.bar)
            self._leave(task.line(failed=failed))

    def say(self, text: str) -> None:
        """Write one line above the bars."""
        with self._lock:
            self._console.print(text, markup=False, soft_wrap=True)

    def _enter(self) -> Progress:
        with self._lock:
            if self._bars is None:
                self._bars = self._new_bars()
                self._bars.start()
            self._open += 1
            return self._bars

    def _leave(self, line: str) -> None:
        with self._lock:
            self._console.print(line, markup=False, soft_wrap=True)
            self._open -= 1
            if self._open == 0 and self._bars is not None:
                self._bars.stop()
                self._bars = None

    def _new_bars(self) -> Progress:
        note = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        return Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            AmountColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", markup=False, table_column=note),
            console=self._console,
            transient=True,
            expand=True,
        )
