"""Archives that are read once, as they arrive: never all in memory, and never a part taken for the whole."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from typing import Protocol

PIECE = 1 << 20
# An archive ends with two empty blocks, and what its writer then pads it with.
MARK = 2 * tarfile.BLOCKSIZE
PADDED = 1 << 16


class Readable(Protocol):
    """Where bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Return the next `size` bytes, fewer only at the end."""


class Reader:
    """Reads from an iterable of bytes as from a file."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._buffer = b""

    def read(self, size: int, /) -> bytes:
        """Return the next `size` bytes, fewer only at the end."""
        while len(self._buffer) < size and (piece := next(self._pieces, b"")):
            self._buffer = self._buffer + piece if self._buffer else piece
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data


class _Observed:
    """Passes bytes on; knows how many they were and the last of them."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self.total = 0
        self.tail = b""

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self.total += len(data)
        self.tail = (self.tail[-PADDED:] + data)[-PADDED:]
        return data


def members(stream: Readable) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Yield the members of a tar, each with the archive to extract it from.

    Raises `tarfile.ReadError` for an archive that is broken or cut off anywhere, which `tarfile` alone takes
    for the end of it.
    """
    observed = _Observed(stream)
    with tarfile.open(fileobj=observed, mode="r|", bufsize=PIECE) as tar:  # type: ignore[call-overload]
        for member in tar:
            yield tar, member
            # tarfile keeps every member it has seen; a stream never goes back to one.
            tar.members.clear()
        while observed.read(PIECE):
            pass
        rest = observed.total - tar.offset
        if not MARK <= rest <= PADDED or any(observed.tail[-rest:]):
            raise tarfile.ReadError("the archive ends early")
