"""Files and folders as inputs and results.

Only regular files are read; what others read meanwhile is the old or the new one, never a part.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import stat
from pathlib import Path

# Of Linux, in <fcntl.h> and <linux/fs.h>.
AT_FDCWD = -100
RENAME_EXCHANGE = 2
# What a kernel or file system says that cannot exchange.
UNABLE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


class NotRegularError(OSError):
    """What is there under the name of a file is a pipe, a device or a socket."""

    def __str__(self) -> str:
        return "is no regular file"


def read_regular(path: str | Path) -> bytes:
    """Return the content of a file; of a pipe or a device, which may have no end, raise `NotRegularError`.

    Links are followed. Other failures are those of `open`: a folder is `IsADirectoryError`.
    """
    with open(path, "rb", opener=_without_waiting) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise NotRegularError
        return stream.read()


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe would wait for somebody who writes."""
    return os.open(path, flags | os.O_NONBLOCK)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file, and the folder that it lies in, so that nobody sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    part.replace(path)


def put_folder(new: Path, place: Path) -> None:
    """Put a folder in its place, and what was there (if anything) out of existence.

    Whoever looks, also after a kill, sees the old one or the new one as a whole; only where the file system
    cannot exchange two names is there a moment with neither.
    """
    if place.exists():
        if not _exchanged(new, place):
            old = place.with_name(f".{place.name}.old")
            shutil.rmtree(old, ignore_errors=True)
            place.rename(old)
            new.rename(place)
            new = old
        shutil.rmtree(new, ignore_errors=True)
    else:
        new.rename(place)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange what two names stand for, at once; tell whether that can be done here."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:  # a C library from before 2018
        return False
    if call(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in UNABLE:
        return False
    raise OSError(number, os.strerror(number), os.fspath(other))
