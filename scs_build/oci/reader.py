"""Archives that are read once, as they arrive: never all in memory, and never a part taken for the whole."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from typing import Protocol

PIECE = 1 << 20
# What tarfile keeps of a stream; it copies the rest of that with everything it reads, be it one header.
BUFFER = 1 << 15
# An archive ends with two empty blocks, and what its writer then pads it with.
MARK = 2 * tarfile.BLOCKSIZE
PADDED = 1 << 16


class Readable(Protocol):
    """Where bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size` of them; none only at the end."""


class Reader:
    """Reads from an iterable of bytes as from a file."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size` of them; none only at the end."""
        while not self._rest:
            try:
                self._rest = memoryview(next(self._pieces))
            except StopIteration:
                return b""
        data, self._rest = self._rest[:size], self._rest[size:]
        return bytes(data)


class _Observed:
    """Passes bytes on; knows how many they were and the last of them."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self.total = 0
        self.tail = b""

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self.total += len(data)
        self.tail = (self.tail + data)[-PADDED:]
        return data


def members(stream: Readable) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Yield the members of a tar, each with the archive to extract it from.

    Raises `tarfile.ReadError` for an archive that is broken or cut off anywhere, which `tarfile` alone takes
    for the end of it.
    """
    observed = _Observed(stream)
    with tarfile.open(fileobj=observed, mode="r|", bufsize=BUFFER) as tar:  # type: ignore[call-overload]
        for member in tar:
            yield tar, member
            # tarfile keeps every member it has seen; a stream never goes back to one.
            tar.members.clear()
        while observed.read(PIECE):
            pass
        rest = observed.total - tar.offset
        if not MARK <= rest <= PADDED or any(observed.tail[-rest:]):
            raise tarfile.ReadError("the archive ends early")
