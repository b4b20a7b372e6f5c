"""What reading the content of a file shows beside its hash: seen once, in the pass that hashes it."""

from __future__ import annotations

from dataclasses import astuple
from tempfile import SpooledTemporaryFile
from typing import Any

from scs_build.evidence.elf import elf_facts
from scs_build.evidence.marks import Search, first_marks
from scs_build.evidence.wheels import is_listed, listed

# Raised by whatever changes what is found: remembered traits are then read again.
TRAITS_FORMAT = 5
HEAD = 8192
# Programs up to this size are looked at in memory, larger ones in a file.
IN_MEMORY = 16 << 20
ELF = b"\x7fELF"


class Traits:
    """Looks at the content of one file, piece by piece; in bounded memory, whatever its size."""

    def __init__(self, path: str, size: int) -> None:
        self.path = path
        self.size = size
        self._head = b""
        self._search: Search | None = None
        self._whole: SpooledTemporaryFile[bytes] | None = None

    def take(self, piece: bytes) -> None:
        """Look at the next piece of the content; none but the last is shorter than `HEAD`."""
        if self._search is None:
            self._begin(piece)
        if self._search:
            self._search.take(piece)
        if self._whole:
            self._whole.write(piece)

    def found(self) -> dict[str, Any]:
        """Return what was seen, as plain values; empty for most files.

        `kind` is `elf` (with `elf`, see `elf_facts`), `script` (with its `interpreter`), `wheel` or `record`
        (what Python distributions say of themselves, see `listed`). `marks` lists what no image may hold:
        name, what it is, line (see `Mark`).
        """
        seen = list(first_marks(self._head))
        if self._search:
            seen += self._search.found.values()
        marks: dict[str, Any] = {"marks": [list(astuple(mark)) for mark in seen]} if seen else {}
        return {**self._kind(), **marks}

    def _begin(self, piece: bytes) -> None:
        self._head = piece[:HEAD]
        binary = b"\0" in self._head
        self._search = Search(binary=binary)
        if self._head.startswith(ELF) or (not binary and is_listed(self.path)):
            self._whole = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed by `_kind`

    def _kind(self) -> dict[str, Any]:
        if self._whole:
            with self._whole as stream:
                stream.seek(0)
                if self._head.startswith(ELF):
                    return {"kind": "elf", "elf": elf_facts(stream)}
                return listed(self.path, stream)
        if self._head.startswith(b"#!"):
            line = self._head[2:].split(b"\n", 1)[0].decode(errors="replace").strip()
            return {"kind": "script", "interpreter": line}
        return {}
