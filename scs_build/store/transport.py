"""Reading a source from an offset on: http(s) and file addresses and git trees, with bounded patience."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from scs_build.errors import FetchError
from scs_build.web import reason_of

if TYPE_CHECKING:
    import requests

CHUNK = 1 << 17
# Lends an empty folder that is removed afterwards.
Scratch = Callable[[str], AbstractContextManager[Path]]
# What a server says when it may say something else a moment later.
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Patience:
    """When a source counts as failed.

    `connect` and `read` are seconds to a connection and between two pieces; a source that brings less
    than `window_bytes` in `window` seconds has stalled. `attempts` are made per source, with a pause of
    `pause` seconds that doubles (and varies by chance, so that clients do not come back all at once).
    """

    connect: float = 10
    read: float = 30
    window: float = 30
    window_bytes: int = 30 * 1024
    attempts: int = 4
    pause: float = 0.5
    longest_pause: float = 10


class SourceError(Exception):
    """A source did not deliver; `again` says whether the same one is worth another attempt."""

    def __init__(self, reason: str, *, again: bool, unreachable: bool = False) -> None:
        super().__init__(reason)
        self.again = again
        self.unreachable = unreachable


class RangeError(SourceError):
    """A source did not go on from where it was asked to; from the start it may deliver."""


@dataclass(frozen=True)
class Body:
    """The bytes of a source from `offset` on; `total` is the size of the whole, where the source tells it."""

    offset: int
    total: int | None
    pieces: Iterator[bytes]


@contextmanager
def open_source(
    session: requests.Session, url: str, offset: int, patience: Patience, scratch: Scratch
) -> Iterator[Body]:
    """Open `url`, from `offset` on where the source can; raises `SourceError`, also while reading."""
    scheme = urlsplit(url).scheme
    if scheme == "file":
        with _open_file(url, offset) as body:
            yield body
    elif scheme in ("http", "https"):
        with _open_http(session, url, offset, patience) as body:
            yield body
    elif scheme.startswith("git+"):
        with scratch("git") as folder, _open_git(url, folder, patience) as body:
            yield body
    else:
        raise SourceError(f"addresses that begin with {scheme!r} are not supported", again=False)


@contextmanager
def _open_file(url: str, offset: int) -> Iterator[Body]:
    path = Path(unquote(urlsplit(url).path))
    try:
        stream = path.open("rb")
    except OSError as error:
        raise SourceError(error.strerror or str(error), again=False) from error
    with stream:
        size = os.fstat(stream.fileno()).st_size
        offset = offset if offset <= size else 0
        stream.seek(offset)
        yield Body(offset, size, _file_pieces(stream))


def _file_pieces(stream: IO[bytes]) -> Iterator[bytes]:
    try:
        while piece := stream.read(CHUNK):
            yield piece
    except OSError as error:
        raise SourceError(error.strerror or str(error), again=False) from error


@contextmanager
def _open_git(url: str, folder: Path, patience: Patience) -> Iterator[Body]:
    """Fetch a commit into the empty `folder` and open the archive that is made of its tree."""
    from scs_build.inputs.git.git import repository_and_commit
    from scs_build.inputs.git.remote import fetch_commit
    from scs_build.inputs.git.tree import write_archive

    repository, commit = repository_and_commit(url)
    try:
        there = fetch_commit(repository, commit, folder / "repository", timeout=round(patience.read))
    except FetchError as error:
        raise SourceError(error.reason, again=False, unreachable=True) from error
    if not there:
        raise SourceError(f"the commit {commit} is not there (any more)", again=False)
    write_archive(folder / "repository", commit, folder / "archive")
    with _open_file((folder / "archive").as_uri(), 0) as body:
        yield body


@contextmanager
def _open_http(session: requests.Session, url: str, offset: int, patience: Patience) -> Iterator[Body]:
    import requests

    # Bytes as they are: what is hashed is the file, not some encoding of it.
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    timeout = (patience.connect, patience.read)
    try:
        response = session.get(url, headers=headers, stream=True, timeout=timeout)
    except requests.RequestException as error:
        # A malformed address (a ValueError to requests) does not get better; the rest may.
        broken = isinstance(error, ValueError)
        raise SourceError(reason_of(error), again=not broken, unreachable=True) from error
    with response:
        yield _answer(response, offset, patience)


def _answer(response: requests.Response, offset: int, patience: Patience) -> Body:
    status = response.status_code
    if status == 416:
        raise RangeError("does not have that many bytes (status 416)", again=True)
    if status not in (200, 206):
        text = f"status {status} {response.reason or ''}".rstrip()
        raise SourceError(text, again=status in TRANSIENT, unreachable=status >= 500)
    if status == 206 and not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
        raise RangeError("answered with another range than asked for", again=True)
    start = offset if status == 206 else 0
    length = response.headers.get("Content-Length", "")
    encoded = "Content-Encoding" in response.headers
    total = start + int(length) if length.isdecimal() and not encoded else None
    return Body(start, total, _pieces(response, patience))


def _pieces(response: requests.Response, patience: Patience) -> Iterator[bytes]:
    """Yield what arrives as it arrives: a read of a fixed amount would wait on a trickle for ever."""
    import urllib3

    began, received = time.monotonic(), 0
    while True:
        try:
            piece = response.raw.read1(CHUNK, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise SourceError(reason_of(error), again=True) from error
        if not piece:
            return
        yield piece
        received += len(piece)
        elapsed = time.monotonic() - began
        if elapsed > patience.window:
            if received < patience.window_bytes:
                reason = f"stalled: {received} bytes in {elapsed:.0f} s"
                raise SourceError(reason, again=True, unreachable=True)
            began, received = time.monotonic(), 0
