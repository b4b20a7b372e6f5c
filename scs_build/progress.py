"""How rooms tell what they are doing, without knowing who listens (a terminal, a log, nobody)."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Task(Protocol):
    """Something under way with an amount that grows."""

    def advance(self, amount: int = 1) -> None:
        """Say that `amount` more is done, in the unit of the task; safe from any thread."""

    def note(self, text: str) -> None:
        """Say what is being worked on now."""


class Progress(Protocol):
    """The listener; all of it is safe to call from any thread."""

    def task(self, title: str, total: int | None = None, unit: str = "") -> AbstractContextManager[Task]:
        """Open a task; `unit` is `bytes` or a noun; it ends, with its time, when the context ends."""

    def say(self, text: str) -> None:
        """Tell one line that stays."""


class SilentTask:
    """A task that nobody watches."""

    def advance(self, amount: int = 1) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""


class Silent:
    """A listener that says nothing."""

    def task(self, title: str, total: int | None = None, unit: str = "") -> AbstractContextManager[Task]:  # noqa: ARG002
        """Return a task that nobody watches."""
        return nullcontext(SilentTask())

    def say(self, text: str) -> None:
        """Do nothing."""
