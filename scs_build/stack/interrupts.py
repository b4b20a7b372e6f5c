"""One interrupt, however it comes: what follows it would only cut a clean end short."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def one_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt at the first SIGINT or SIGTERM, and take no notice of later ones.

    For the main thread, around work that ends what it started within bounded time.
    """
    before = {number: signal.getsignal(number) for number in NUMBERS}
    seen: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        seen.append(number)
        if len(seen) == 1:
            raise KeyboardInterrupt

    for number in NUMBERS:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
