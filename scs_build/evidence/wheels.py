"""What Python distributions say of themselves: whether they were compiled here, and their programs."""

from __future__ import annotations

import csv
from typing import IO, Any

WHEEL, RECORD = ".dist-info/WHEEL", ".dist-info/RECORD"


def is_listed(path: str) -> bool:
    """Return whether a file is one that `listed` reads."""
    return path.endswith((WHEEL, RECORD))


def listed(path: str, stream: IO[bytes]) -> dict[str, Any]:
    """Return what a `WHEEL` or `RECORD` file says.

    `{"kind": "wheel", "compiled": bool}`: an index takes no wheels with the plain tag `linux`, so such a
    wheel was compiled where the image was built. `{"kind": "record", "binaries": [...]}`: what may be
    machine code, relative to the folder of the distribution.
    """
    text = stream.read().decode(errors="replace")
    if path.endswith(WHEEL):
        tags = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("Tag:")]
        return {"kind": "wheel", "compiled": any(tag.rpartition("-")[2].startswith("linux_") for tag in tags)}
    names = (row[0] for row in csv.reader(text.splitlines()) if row)
    return {"kind": "record", "binaries": [name for name in names if ".so" in name or name.startswith("../")]}
