"""The temporary area: entries that live as long as the process that made them.

Each entry is locked by its maker. What a killed process leaves is not locked, and so is recognised
and removed by whoever comes next; no process id is guessed.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from scs_build.store.locking import is_current, try_flock
from scs_build.store.removal import remove

# Unfinished downloads outlive their process on purpose: the next run goes on with them.
PART = ".part"


class TemporaryArea:
    """A folder for unfinished things, on the file system where they will be renamed into place."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def directory(self, label: str) -> Iterator[Path]:
        """Give an empty directory, removed at the end unless it was renamed away."""
        with self._entry(label, Path.mkdir) as path:
            yield path

    @contextmanager
    def file(self, label: str) -> Iterator[Path]:
        """Give an empty file, removed at the end unless it was renamed away."""
        with self._entry(label, lambda path: path.touch(exist_ok=False)) as path:
            yield path

    @contextmanager
    def _entry(self, label: str, make: Callable[[Path], None]) -> Iterator[Path]:
        path, fd = self._claim(label, make)
        try:
            yield path
        finally:
            remove(path)
            os.close(fd)

    def _claim(self, label: str, make: Callable[[Path], None]) -> tuple[Path, int]:
        while True:
            path = self.fresh_name(label)
            make(path)
            try:
                fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                continue  # somebody cleaned it away before it was locked
            fcntl.flock(fd, fcntl.LOCK_EX)
            if is_current(fd, path):
                return path, fd
            os.close(fd)

    def fresh_name(self, label: str) -> Path:
        """Return a path that nobody uses."""
        return self.root / f"{quote(label, safe='')}-{os.urandom(8).hex()}"

    def hide(self, path: Path) -> Path:
        """Take an entry of the store out of sight with one rename; whoever comes next may remove it."""
        hidden = self.fresh_name("removed")
        try:
            path.rename(hidden)
        except PermissionError:  # a folder that changes its parent must be writable itself
            path.chmod(0o700)
            path.rename(hidden)
        return hidden

    def bury(self, path: Path) -> None:
        """Remove an entry of the store in such a way that nobody sees half of it."""
        remove(path if path.parent == self.root else self.hide(path))

    def clean(self) -> None:
        """Remove what killed processes left; unfinished downloads stay."""
        for path in list(self.root.iterdir()):
            if path.suffix != PART:
                self._clean_entry(path)

    def _clean_entry(self, path: Path) -> None:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return  # gone by now, or another user's
        try:
            if try_flock(fd) and is_current(fd, path):
                remove(path)
        except PermissionError:
            return  # another user's
        finally:
            os.close(fd)
