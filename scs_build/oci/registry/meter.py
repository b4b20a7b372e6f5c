"""How much of one image was moved and how much was there, told to whoever watches."""

from __future__ import annotations

import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scs_build.oci.registry.images import Parts
from scs_build.progress import Task

# Seconds between two looks at what has come.
LOOK_EVERY = 0.2


class Meter:
    """Counts each blob of an image once, however often it is heard of; safe for many threads."""

    def __init__(self, parts: Parts, task: Task) -> None:
        self._sizes = dict(parts.sizes)
        self._task = task
        self._moved: set[str] = set()
        self._told: set[str] = set()
        self._lock = threading.Lock()

    @property
    def moved(self) -> int:
        """Bytes of the blobs that went over the wire."""
        return sum(self._sizes[digest] for digest in self._moved)

    @property
    def skipped(self) -> int:
        """Bytes of all others."""
        return sum(self._sizes.values()) - self.moved

    def heard(self, digest: str, moved: bool) -> None:
        """Note that a blob is where it should be, and whether it was moved for that."""
        if digest not in self._sizes:
            return
        with self._lock:
            if moved:
                self._moved.add(digest)
            new = digest not in self._told
            self._told.add(digest)
        if new:
            self._task.advance(self._sizes[digest])

    def finish(self) -> None:
        """Tell of all blobs that nobody was heard of: they were there."""
        for digest in self._sizes:
            self.heard(digest, moved=False)


@contextmanager
def watched(folder: Path, task: Task) -> Iterator[None]:
    """Tell of bytes as they appear below a folder; files with a second name elsewhere were there before."""
    ended = threading.Event()

    def look(told: int) -> int:
        now = sum(_new_bytes(path) for path in folder.rglob("*"))
        task.advance(max(0, now - told))
        return max(now, told)

    def watch() -> None:
        told = 0
        while not ended.wait(LOOK_EVERY):
            told = look(told)
        look(told)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _new_bytes(path: Path) -> int:
    try:
        found = path.lstat()
    except FileNotFoundError:  # renamed meanwhile
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 else 0
