"""Being told to end: Ctrl-C, SIGTERM, or a terminal that goes away (SIGHUP), each with the same clean end."""

from __future__ import annotations

import signal
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """A signal told this process to end."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def interrupts(*, again: Collection[int] = ()) -> Iterator[None]:
    """Raise `Interrupted` at the first signal to end, and take no notice of later ones but those of `again`.

    What follows the first would only cut a clean end short; `timeout` and systemd send more than one. A
    signal that this process was started to ignore (`nohup`) stays ignored. For the main thread.
    """
    before = {number: signal.getsignal(number) for number in NUMBERS}
    taken = {number: handler for number, handler in before.items() if handler != signal.SIG_IGN}
    seen: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        seen.append(number)
        if len(seen) == 1 or number in again:
            raise Interrupted(number)

    for number in taken:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in taken.items():
            signal.signal(number, handler)


def status_of(interrupt: KeyboardInterrupt) -> int:
    """Return the exit status of a process that ends for this reason: 128 + the number of the signal."""
    number = interrupt.number if isinstance(interrupt, Interrupted) else signal.SIGINT
    return 128 + number
