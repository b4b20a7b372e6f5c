"""What reading the content of a file shows beside its hash: seen once, in the pass that hashes it."""

from __future__ import annotations

from typing import Any

# Raised by whatever changes what is found: remembered traits are then read again.
TRAITS_FORMAT = 1
HEAD = 256


class Traits:
    """Looks at the content of one file, piece by piece."""

    def __init__(self, path: str, size: int) -> None:
        self.path = path
        self.size = size
        self._head = b""

    def take(self, piece: bytes) -> None:
        """Look at the next piece of the content."""
        if len(self._head) < HEAD:
            self._head += piece[: HEAD - len(self._head)]

    def found(self) -> dict[str, Any]:
        """Return what was seen, as plain values; `kind` is `elf` or `script`, with its `interpreter`."""
        if self._head.startswith(b"\x7fELF"):
            return {"kind": "elf"}
        if self._head.startswith(b"#!"):
            line = self._head[2:].split(b"\n", 1)[0].decode(errors="replace").strip()
            return {"kind": "script", "interpreter": line}
        return {}
