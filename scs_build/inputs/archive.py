"""Members of tar archives, read in one pass."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from scs_build.inputs.artefact import EntryType, Member

if TYPE_CHECKING:
    import tarfile

# The type flags of a tar header (POSIX, ustar).
TYPES: dict[bytes, EntryType] = {
    b"1": "hardlink",
    b"2": "link",
    b"3": "char",
    b"4": "block",
    b"5": "dir",
    b"6": "fifo",
}


def tar_members(archive: tarfile.TarFile) -> Iterator[Member]:
    """Yield every path of an open archive but its root; paths are relative and without `./`."""
    for info in archive:
        path = clean(info.name)
        if not path:
            continue
        kind = TYPES.get(info.type, "file")
        link = clean(info.linkname) if kind == "hardlink" else info.linkname if kind == "link" else ""
        stream = archive.extractfile(info) if kind == "file" else None
        digest = hashlib.file_digest(stream, "sha256").hexdigest() if stream else ""  # type: ignore[arg-type]
        size = info.size if kind == "file" else 0
        yield Member(path, kind, info.mode & 0o7777, info.uid, info.gid, size, digest, link)


def clean(path: str) -> str:
    """Return a member's path without leading `./` or `/`; raises ValueError for one that leads outside."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError(f"{path!r} leads out of the archive")
    return "/".join(parts)
