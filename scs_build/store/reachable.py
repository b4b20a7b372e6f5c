"""Whether sources still have artefacts: lists and headers are asked, nothing is downloaded."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from scs_build.errors import ScsBuildError
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.kinds import INPUTS
from scs_build.progress import Progress, SilentTask, Task
from scs_build.store.fetcher import LOST_HOST
from scs_build.store.store import Store
from scs_build.store.transport import Patience, SourceError, open_source
from scs_build.store.workers import in_threads
from scs_build.web import reason_of, shown

if TYPE_CHECKING:
    import requests

    from scs_build.recipes.site import Site

State = Literal["served", "gone", "unknown"]
# So long is asked in all; what is left then is unknown.
SECONDS = 120
GONE = (404, 410)
# What a server says that has the file and does not like the question.
ASK_OTHERWISE = (405, 501)


@dataclass(frozen=True)
class Verdict:
    """`gone`: every source says that it has it not. `unknown`: not that, and none says that it has it."""

    state: State
    reason: str = ""


@dataclass
class _Asking:
    """What the threads share."""

    store: Store
    site: Site
    patience: Patience
    until: float
    task: Task = field(default_factory=SilentTask)
    failures_of: Counter[str] = field(default_factory=Counter)

    def ask(self, session: requests.Session, artefact: Artefact) -> Verdict:
        """Ask the sources of an artefact, best first, until one has it."""
        kind, doubts, reasons = INPUTS[artefact.kind], [], []
        try:
            if time.monotonic() > self.until:
                return Verdict("unknown", "no time was left to ask")
            for url in kind.urls(artefact, self.site):
                try:
                    if not kind.listed:
                        self._look(session, url, artefact.size)
                    return Verdict("served")
                except SourceError as error:
                    reasons.append(f"{shown(url)}: {error}")
                    doubts += [reasons[-1]] if error.again or error.unreachable else []
        except ScsBuildError as error:
            doubts.append(error.reason)
        finally:
            self.task.advance()
        return Verdict("unknown", doubts[0]) if doubts else Verdict("gone", "; ".join(reasons))

    def _look(self, session: requests.Session, url: str, size: int) -> None:
        """Return if a source has a file of that size; raises `SourceError`, with `again` where it may."""
        host = urlsplit(url).netloc
        if self.failures_of[host] >= LOST_HOST:
            raise SourceError("failed before and is not asked again", again=True)
        try:
            total = self._size(session, url)
        except SourceError as error:
            self.failures_of[host] += error.unreachable
            raise
        if total not in (None, size):
            # Other bytes under the same name are no reason to take them: a person has to look.
            raise SourceError(f"has {total} bytes, locked are {size}", again=True)

    def _size(self, session: requests.Session, url: str) -> int | None:
        if urlsplit(url).scheme in ("http", "https"):
            answer = _head(session, url, self.patience)
            if answer is not None:
                length = answer.headers.get("Content-Length", "")
                return (
                    int(length) if length.isdecimal() and "Content-Encoding" not in answer.headers else None
                )
        with open_source(session, url, 0, self.patience, self.store.scratch) as body:
            return body.total


def _head(session: requests.Session, url: str, patience: Patience) -> requests.Response | None:
    """Return the answer of a server that has the file; None for one that has to be asked otherwise."""
    import requests

    try:
        answer = session.head(
            url, headers={"Accept-Encoding": "identity"}, allow_redirects=True,
            timeout=(patience.connect, patience.read),
        )  # fmt: skip
    except requests.RequestException as error:
        raise SourceError(reason_of(error), again=True, unreachable=True) from error
    if answer.status_code in ASK_OTHERWISE:
        return None
    if answer.status_code != 200:
        text = f"status {answer.status_code} {answer.reason or ''}".rstrip()
        gone, down = answer.status_code in GONE, answer.status_code >= 500
        raise SourceError(text, again=not gone, unreachable=down)
    return answer


def ask_all(
    store: Store,
    artefacts: Sequence[Artefact],
    site: Site,
    progress: Progress,
    *,
    jobs: int = 16,
    seconds: float = SECONDS,
    patience: Patience | None = None,
) -> dict[str, Verdict]:
    """Return what the sources say of each artefact, by its sha256; what the store holds is no matter."""
    asked = list({artefact.sha256: artefact for artefact in artefacts}.values())
    if not asked:
        return {}
    patience = patience or Patience(connect=5, read=10)
    with progress.task("ask the mirrors", len(asked), "pins") as task:
        asking = _Asking(store, site, patience, time.monotonic() + seconds, task)
        verdicts = in_threads(asking.ask, asked, jobs, threading.Event())
    return {artefact.sha256: verdict for artefact, verdict in zip(asked, verdicts, strict=True)}
