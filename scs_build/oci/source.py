"""Reading the files that go into a layer: every change or loss on the way is an error, never other bytes."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scs_build.errors import Location, ResultError, StoreError

# Content up to this size is read in one call, larger content in pieces of it.
PIECE = 1 << 20


@contextmanager
def opened(path: Path) -> Iterator[tuple[int, os.stat_result]]:
    """Open a regular file and yield its descriptor and status.

    Raises `ResultError` when it is gone or no regular file, `StoreError` when it cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise ResultError("the file vanished before it was read", where=Location(str(path))) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ResultError("is not a regular file", where=Location(str(path)))
        yield descriptor, status
    finally:
        os.close(descriptor)


def pieces(path: Path, descriptor: int, status: os.stat_result) -> Iterator[bytes]:
    """Yield the content in pieces, exactly as many bytes as `status` says.

    Raises `ResultError` when the file is shorter or longer, or was written to meanwhile.
    """
    left = status.st_size
    try:
        while left:
            # One byte more than the rest: a file that grew is noticed without another call.
            data = os.read(descriptor, PIECE if left >= PIECE else left + 1)
            if not data or len(data) > left:
                raise _changed(path)
            left -= len(data)
            yield data
        if status.st_size >= PIECE:
            after = os.fstat(descriptor)
            if (after.st_size, after.st_mtime_ns) != (status.st_size, status.st_mtime_ns):
                raise _changed(path)
    except OSError as error:
        raise _unreadable(path, error) from error


def _changed(path: Path) -> ResultError:
    return ResultError(
        "the file changed while it was read",
        where=Location(str(path)),
        solution="let nothing write to the trees of a build while layers are made",
    )


def _unreadable(path: Path, error: OSError) -> ResultError | StoreError:
    if error.errno in {errno.ELOOP, errno.EISDIR, errno.ENOTDIR}:
        return ResultError("is not a regular file", where=Location(str(path)))
    return StoreError(f"cannot be read: {error.strerror}", where=Location(str(path)))
