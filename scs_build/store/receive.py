"""Fetching what has no hash yet: only for locking, which writes down what came."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from scs_build.errors import FetchError
from scs_build.store.transport import Patience, SourceError, open_source
from scs_build.web import new_session, shown

if TYPE_CHECKING:
    import requests

    from scs_build.progress import Progress, Task
    from scs_build.store.store import Store


def receive(
    store: Store, name: str, urls: Iterable[str], *, progress: Progress, patience: Patience | None = None
) -> tuple[str, int]:
    """Bring what lies at the first of `urls` that delivers into the store; return its sha256 and size.

    Raises `FetchError` with a line per source when none does.
    """
    patience, reasons = patience or Patience(), list[str]()
    with new_session() as session, progress.task(f"fetch {name}", None, "bytes") as task:
        for url in urls:
            try:
                return _from_source(store, session, url, patience, task)
            except SourceError as error:
                reasons.append(f"{shown(url)}: {error}")
                progress.say(f"{name} did not come from {reasons[-1]}")
    listing = "\n".join(f"    {reason}" for reason in reasons or ["no source is known"])
    raise FetchError(
        f"{name} could not be fetched:\n{listing}",
        solution="run the same command again, or say in the site file what stands in the place of its URL",
    )


def _from_source(
    store: Store, session: requests.Session, url: str, patience: Patience, task: Task
) -> tuple[str, int]:
    for attempt in range(1, patience.attempts + 1):
        try:
            return _attempt(store, session, url, patience, task)
        except SourceError as error:
            if not error.again or attempt == patience.attempts:
                raise
            time.sleep(min(patience.pause * 2**attempt, patience.longest_pause))
    raise AssertionError("the last attempt returns or raises")


def _attempt(
    store: Store, session: requests.Session, url: str, patience: Patience, task: Task
) -> tuple[str, int]:
    with (
        open_source(session, url, 0, patience, store.scratch) as body,
        store.writer() as writer,
    ):
        for piece in body.pieces:
            writer.write(piece)
            task.advance(len(piece))
        if body.total not in (None, writer.size):
            raise SourceError(f"broke off after {writer.size} of {body.total} bytes", again=True)
    return writer.sha256, writer.size
