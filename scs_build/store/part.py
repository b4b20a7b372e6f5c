"""The unfinished download of one blob: what is there is kept, hashed, and continued."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from scs_build.store.locking import acquire

CHUNK = 1 << 20


class Part:
    """An open unfinished download, ours alone; `size` bytes are there and `sha256` is their hash."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self.path = path
        self._stream = stream
        self.size = 0
        self._hash = hashlib.sha256()
        stream.seek(0)
        while piece := stream.read(CHUNK):
            self._count(piece)
        self.resumed = self.size > 0
        self.told = 0  # bytes that the listener knows of

    @property
    def sha256(self) -> str:
        """The hash of what is there."""
        return self._hash.hexdigest()

    def append(self, data: bytes) -> None:
        """Write `data` behind what is there."""
        self._stream.write(data)
        self._count(data)

    def restart(self) -> None:
        """Forget what is there."""
        self._stream.seek(0)
        self._stream.truncate()
        self.size = 0
        self._hash = hashlib.sha256()
        self.resumed = False

    def finish(self) -> None:
        """Hand the last bytes to the operating system."""
        self._stream.flush()

    def _count(self, data: bytes) -> None:
        self._hash.update(data)
        self.size += len(data)


@contextmanager
def open_part(path: Path, stop: threading.Event) -> Iterator[Part]:
    """Open the part at `path` when no other process or thread writes it, waiting until then.

    Setting `stop` ends the wait with `CancelledError`. The file stays when the context ends.
    """
    fd = acquire(path, stop=stop)
    with os.fdopen(fd, "r+b") as stream:
        yield Part(path, stream)
