"""A readable stream over pieces of bytes, for what wants a file and must not get all of it at once."""

from __future__ import annotations

from collections.abc import Iterable


class Reader:
    """Reads from an iterable of bytes as from a file."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._buffer = b""

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the end."""
        while len(self._buffer) < size and (piece := next(self._pieces, b"")):
            self._buffer = self._buffer + piece if self._buffer else piece
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data
