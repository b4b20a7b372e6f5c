"""Fetching what is missing: in parallel, from the first source that has the right bytes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scs_build.errors import FetchError, IntegrityError, OfflineError
from scs_build.progress import Progress, Silent
from scs_build.store.fetcher import Download, Failure, Fetcher
from scs_build.store.store import Store
from scs_build.store.transport import Patience
from scs_build.store.usage import human
from scs_build.store.workers import in_threads

__all__ = ["Download", "Fetched", "Patience", "fetch"]

# So many failures are told one by one: when a source is down, all that follow say the same.
TOLD = 8


@dataclass(frozen=True)
class Fetched:
    """How many blobs were missing and came, their bytes, and the seconds it took."""

    count: int
    bytes: int
    seconds: float


def fetch(
    store: Store,
    downloads: Iterable[Download],
    *,
    jobs: int = 8,
    offline: bool = False,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> Fetched:
    """Bring all of `downloads` into the store, `jobs` at a time, and count those already there as used.

    One that fails does not keep the others from coming. Raises `IntegrityError` (a source had wrong
    bytes and none had the right ones), `FetchError` (no source delivered), `OfflineError`, `DiskFullError`.
    An interrupted download goes on where it was at the next call.
    """
    began = time.monotonic()
    missing = _missing(store, downloads)
    total = sum(download.size for download in missing)
    if not missing:
        return Fetched(0, 0, time.monotonic() - began)
    if offline:
        raise _offline(missing, total)
    store.prepare()
    store.require_space(total - sum(_present(store, download) for download in missing))
    with (progress or Silent()).task("fetch", total, "bytes") as task:
        fetcher = Fetcher(store, patience or Patience(), task)
        failures = [failure for failure in in_threads(fetcher.fetch, missing, jobs, fetcher.stop) if failure]
    if failures:
        raise _error(failures, len(missing))
    return Fetched(len(missing), total, time.monotonic() - began)


def _missing(store: Store, downloads: Iterable[Download]) -> list[Download]:
    missing: dict[str, Download] = {}
    for download in downloads:
        if store.has(download.sha256, download.size):
            store.touch(store.blob(download.sha256))
        else:
            missing.setdefault(download.sha256, download)
    return list(missing.values())


def _present(store: Store, download: Download) -> int:
    try:
        return min(store.part(download.sha256).stat().st_size, download.size)
    except FileNotFoundError:
        return 0


def _offline(missing: Sequence[Download], total: int) -> OfflineError:
    names = "\n".join(f"    {download.name} ({human(download.size)})" for download in missing)
    return OfflineError(
        f"artefacts not in the store: {len(missing)} ({human(total)}):\n{names}",
        solution="run the same command once with a network and without --offline",
    )


def _error(failures: Sequence[Failure], wanted: int) -> FetchError | IntegrityError:
    told = sorted(failures, key=lambda failure: not failure.wrong)[:TOLD]
    more = [f"and {len(failures) - TOLD} more"] if len(failures) > TOLD else []
    listing = "\n".join([*map(str, told), *more])
    text = f"artefacts that could not be fetched: {len(failures)} of {wanted}:\n{listing}"
    if any(failure.wrong for failure in failures):
        return IntegrityError(text, solution="do not trust the source that serves other bytes; name another")
    return FetchError(text, solution="run the same command again, or name other mirrors in the site file")
