"""Bringing one blob into the store: source by source, attempt by attempt, going on where it broke off."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scs_build.errors import ScsBuildError
from scs_build.progress import Task
from scs_build.store.part import Part, open_part
from scs_build.store.store import Store
from scs_build.store.transport import Patience, RangeError, SourceError, open_source
from scs_build.web import reason_of, shown

if TYPE_CHECKING:
    import requests

# Failed artefacts in a row after which a host is asked last, and once.
LOST_HOST = 2


@dataclass(frozen=True)
class Download:
    """One artefact: its hash, its size in bytes, a name for people, and where it can be had, best first.

    `urls` is called only when the blob is missing, in a worker thread; it may ask the network.
    """

    sha256: str
    size: int
    name: str
    urls: Callable[[], Iterable[str]]


class WrongBytesError(Exception):
    """A source delivered something else."""


@dataclass
class Failure:
    """An artefact that no source delivered: a line per source, and whether one had wrong bytes."""

    download: Download
    reasons: list[str]
    wrong: bool

    def __str__(self) -> str:
        tried = self.reasons or ["no source is known"]
        return "\n".join((self.download.name, *(f"    {reason}" for reason in tried)))


@dataclass
class Fetcher:
    """What the worker threads share."""

    store: Store
    patience: Patience
    task: Task
    stop: threading.Event = field(default_factory=threading.Event)
    failures_of: Counter[str] = field(default_factory=Counter)

    def fetch(self, session: requests.Session, download: Download) -> Failure | None:
        """Bring one blob into the store; a failure of its sources is returned, not raised."""
        with self.store.guard(), open_part(self.store.part(download.sha256), self.stop) as part:
            self._advance(part)
            if self.store.has(download.sha256, download.size):  # another process was faster
                self.task.advance(download.size - part.size)
                part.path.unlink()
                return None
            failure = Failure(download, [], wrong=False)
            for url in self._sources(download, failure):
                try:
                    self._from_source(session, url, download, part)
                except (SourceError, WrongBytesError) as error:
                    failure.reasons.append(f"{shown(url)}: {error}")
                    failure.wrong |= isinstance(error, WrongBytesError)
                else:
                    return None
            if part.size == 0:
                part.path.unlink()
            return failure

    def _sources(self, download: Download, failure: Failure) -> Iterator[str]:
        """Yield the sources in order, those on hosts that seem to be down at the end."""
        import requests

        later: list[str] = []
        try:
            for url in download.urls():
                if self._is_lost(url):
                    later.append(url)
                else:
                    yield url
        except ScsBuildError as error:
            failure.reasons.append(error.reason)
        except requests.RequestException as error:
            failure.reasons.append(f"the list of sources: {reason_of(error)}")
        yield from later

    def _from_source(self, session: requests.Session, url: str, download: Download, part: Part) -> None:
        for attempt in range(1, self.patience.attempts + 1):
            try:
                self._attempt(session, url, download, part)
                self.failures_of[urlsplit(url).netloc] = 0
                return
            except SourceError as error:
                last = attempt == self.patience.attempts or self._is_lost(url)
                if not error.again or last:
                    self.failures_of[urlsplit(url).netloc] += error.unreachable
                    raise
                self._pause(attempt)
            except WrongBytesError:
                # What an earlier run left may come from another source: only a whole file convicts this one.
                resumed = part.resumed
                part.restart()
                if not resumed or attempt == self.patience.attempts:
                    raise

    def _attempt(self, session: requests.Session, url: str, download: Download, part: Part) -> None:
        if part.size > download.size:
            part.restart()
        if part.size < download.size or not part.size:
            self._receive(session, url, download, part)
        if part.size < download.size:
            raise SourceError(f"broke off after {part.size} of {download.size} bytes", again=True)
        if part.sha256 != download.sha256:
            raise WrongBytesError(f"expected sha256 {download.sha256}, got {part.sha256}")
        part.finish()
        self.store.adopt(part.path, download.sha256)

    def _receive(self, session: requests.Session, url: str, download: Download, part: Part) -> None:
        try:
            with open_source(session, url, part.size, self.patience, self.store.scratch) as body:
                if body.offset != part.size:
                    part.restart()
                part.resumed = part.size > 0
                if body.total not in (None, download.size):
                    raise WrongBytesError(f"expected {download.size} bytes, got {body.total}")
                self._copy(body.pieces, download, part)
        except RangeError:
            part.restart()
            raise

    def _copy(self, pieces: Iterator[bytes], download: Download, part: Part) -> None:
        for piece in pieces:
            if self.stop.is_set():
                raise CancelledError
            part.append(piece)
            if part.size > download.size:
                raise WrongBytesError(f"expected {download.size} bytes, got more")
            self._advance(part)

    def _advance(self, part: Part) -> None:
        """Tell the listener what is new; what a restart brings again was told before."""
        if part.size > part.told:
            self.task.advance(part.size - part.told)
            part.told = part.size

    def _is_lost(self, url: str) -> bool:
        return self.failures_of[urlsplit(url).netloc] >= LOST_HOST

    def _pause(self, attempt: int) -> None:
        longest = min(self.patience.pause * 2**attempt, self.patience.longest_pause)
        if self.stop.wait(random.uniform(longest / 2, longest)):
            raise CancelledError
