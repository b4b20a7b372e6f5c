"""Places that hold the same things: asked in order, and one that fails is left out from then on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from scs_build.errors import FetchError

if TYPE_CHECKING:
    from scs_build.progress import Progress

_T = TypeVar("_T")


class Fallback:
    """Base URLs of mirrors, best first; those of one call agree on which of them are down."""

    def __init__(
        self, what: str, urls: Iterable[str], progress: Progress, leave: Callable[[str], object] = str
    ) -> None:
        """`leave` is told each URL that is left out."""
        self._what = what
        self._urls = list(urls)
        self._progress = progress
        self._leave = leave

    def ask(self, question: Callable[[str], _T]) -> _T:
        """Return the answer of the first mirror for which `question` raises no `FetchError`."""
        while True:
            try:
                return question(self._urls[0])
            except FetchError as error:
                if len(self._urls) == 1:
                    raise
                down, following = self._urls[:2]
                self._progress.say(f"{self._what} {down} is left out: {_last_line(error)}; now {following}")
                self._leave(self._urls.pop(0))


def _last_line(error: FetchError) -> str:
    return error.reason.splitlines()[-1].strip().removeprefix("cause: ")
