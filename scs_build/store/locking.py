"""Locks between processes and threads: `flock` on a file, gone with the process that held it."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path


def try_flock(fd: int, *, shared: bool = False) -> bool:
    """Lock the open file `fd` without waiting; False when somebody else holds it."""
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_current(fd: int, path: Path) -> bool:
    """Return whether `path` still names the open file `fd`; it may have been removed while we waited."""
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(path))
    except FileNotFoundError:
        return False


def acquire(
    path: Path,
    *,
    shared: bool = False,
    on_wait: Callable[[], None] | None = None,
    stop: threading.Event | None = None,
) -> int:
    """Create `path` when missing, lock it and return its descriptor (closing it releases the lock).

    `on_wait` is called once when somebody else holds it. Setting `stop` ends the wait with
    `CancelledError`: a blocking `flock` in a thread could not be ended by Ctrl-C.
    """
    stop = stop or threading.Event()
    told = False
    for attempt in count():
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        free = try_flock(fd, shared=shared)
        if free and is_current(fd, path):
            return fd
        os.close(fd)
        if not free and not told and on_wait:
            on_wait()
            told = True
        if stop.wait(min(0.005 * 2 ** min(attempt, 8), 0.2)):
            break
    from concurrent.futures import CancelledError

    raise CancelledError(f"gave up waiting for {path.name}")


@contextmanager
def gate(path: Path, *, shared: bool) -> Iterator[None]:
    """Hold a lock file that stays: many may hold it `shared`, or one alone."""
    fd = acquire(path, shared=shared)
    try:
        yield
    finally:
        os.close(fd)


@contextmanager
def exclusive(
    path: Path, *, on_wait: Callable[[], None] | None = None, stop: threading.Event | None = None
) -> Iterator[None]:
    """Hold the lock file alone; it is removed at the end, so that a folder of locks stays small."""
    fd = acquire(path, on_wait=on_wait, stop=stop)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(fd)


def is_held(path: Path) -> bool:
    """Return whether somebody holds the file `path` alone at this moment; False when it is missing."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not try_flock(fd, shared=True)
    finally:
        os.close(fd)
