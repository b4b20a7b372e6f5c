"""Members of archives, read in one pass; what reads a file's content may keep it."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from scs_build.errors import IntegrityError, Location
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
CHUNK = 1 << 20

# Takes a file's path and content and returns the sha256 of that.
Taker = Callable[[str, IO[bytes]], str]


def hashed(path: str, stream: IO[bytes]) -> str:  # noqa: ARG001
    """Return the sha256 of a stream, and keep nothing."""
    return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]


def keeper(folder: Path) -> Taker:
    """Return what keeps each content in a folder under its sha256: no path of an archive names a file."""

    def keep(path: str, stream: IO[bytes]) -> str:  # noqa: ARG001
        digest, part = hashlib.sha256(), folder / "part"
        with part.open("wb") as target:
            while piece := stream.read(CHUNK):
                digest.update(piece)
                target.write(piece)
        part.rename(folder / digest.hexdigest())
        return digest.hexdigest()

    return keep


def tar_members(archive: tarfile.TarFile, take: Taker = hashed) -> Iterator[Member]:
    """Yield every path of an open archive but its root; paths are relative and without `./`."""
    for info in archive:
        path = clean(info.name)
        if not path:
            continue
        kind = TYPES.get(info.type, "file")
        link = clean(info.linkname) if kind == "hardlink" else info.linkname if kind == "link" else ""
        stream = archive.extractfile(info) if kind == "file" else None
        digest = take(path, stream) if stream else ""
        size = info.size if kind == "file" else 0
        yield Member(path, kind, info.mode & 0o7777, info.uid, info.gid, size, digest, link)


def zip_members(path: Path, take: Taker = hashed) -> Iterator[Member]:
    """Yield the files of a zip archive; modes as recorded, else 0644."""
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.is_dir():
                    continue
                recorded = info.external_attr >> 16
                with archive.open(info) as stream:
                    if stat.S_ISLNK(recorded):
                        yield Member(clean(info.filename), "link", 0o777, link=stream.read().decode())
                        continue
                    digest = take(clean(info.filename), stream)
                mode = stat.S_IMODE(recorded) or 0o644
                yield Member(clean(info.filename), "file", mode, size=info.file_size, sha256=digest)
    except (zipfile.BadZipFile, EOFError, ValueError) as error:
        raise IntegrityError(f"is not a zip archive: {error}", where=Location(str(path))) from error


def clean(path: str) -> str:
    """Return a member's path without leading `./` or `/`; raises ValueError for one that leads outside."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError(f"{path!r} leads out of the archive")
    return "/".join(parts)
