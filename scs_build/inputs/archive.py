"""Members of tar archives, read in one pass."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator

from scs_build.inputs.artefact import EntryType, Member

TYPES: dict[bytes, EntryType] = {
    tarfile.DIRTYPE: "dir",
    tarfile.SYMTYPE: "link",
    tarfile.LNKTYPE: "hardlink",
    tarfile.CHRTYPE: "char",
    tarfile.BLKTYPE: "block",
    tarfile.FIFOTYPE: "fifo",
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
        yield Member(
            path, kind, info.mode & 0o7777, info.uid, info.gid, info.size if kind == "file" else 0, digest, link
        )


def clean(path: str) -> str:
    """Return a member's path without leading `./` or `/`; raises ValueError for one that leads outside."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError(f"{path!r} leads out of the archive")
    return "/".join(parts)
