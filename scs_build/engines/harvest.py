"""From the exported file system of a container to the layer that its step made.

The export is read once, beside an index of the trees that the step ran on: what is equal is compared and
forgotten, what is not is written at once. Memory is the index of paths and one piece of content.
"""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from scs_build.engines.mask import ENGINE_FILES, is_engine_path
from scs_build.errors import EngineError
from scs_build.oci.overlay import capability, make_whiteout, read_link
from scs_build.oci.reader import PIECE, Readable, Reader, members
from scs_build.oci.tree import MergedTree, same_path
from scs_build.oci.unpack import Unpacker

AGAIN = "run the command again"
_CAPABILITY = "SCHILY.xattr.security.capability"
_KINDS = {
    tarfile.REGTYPE: stat.S_IFREG, tarfile.DIRTYPE: stat.S_IFDIR, tarfile.SYMTYPE: stat.S_IFLNK,
    tarfile.CHRTYPE: stat.S_IFCHR, tarfile.BLKTYPE: stat.S_IFBLK, tarfile.FIFOTYPE: stat.S_IFIFO,
}  # fmt: skip


def harvest(export: Iterable[bytes], layers: Iterable[Path], mounts: Iterable[str], into: Path) -> None:
    """Write what a tar of a whole file system has other than the merged `layers` into the empty `into`.

    `mounts` are absolute paths at which the engine mounted something. Raises `EngineError` for an export
    that is not whole.
    """
    harvester = _Harvester(MergedTree(tuple(layers)), mounts, into)
    try:
        for tar, member in members(Reader(export)):
            harvester.take(tar, member)
    except (tarfile.TarError, EOFError) as error:
        raise EngineError(f"the daemon's export of the step is broken: {error}", solution=AGAIN) from error
    harvester.finish()


class _Harvester:
    """Takes the members of an export in the order of a walk: a directory before what it holds."""

    def __init__(self, lower: MergedTree, mounts: Iterable[str], into: Path) -> None:
        self._lower = {path: (host, status) for path, host, status in lower.below("")}
        self._into = into
        self._unpacker = Unpacker(into)
        self._seen: set[str] = set()
        self._folders: dict[str, tarfile.TarInfo] = {}
        self._written = {""}
        engine_made = [*(mount.strip("/") for mount in mounts), *map(_parent, ENGINE_FILES)]
        self._engine_made = {part for path in engine_made for part in _upwards(path)} - self._lower.keys()

    def take(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Compare one member with what the layers have there; write it when it differs."""
        path = _clean(member.name)
        if not path or is_engine_path(path):
            return
        if path in self._seen or (_parent(path) and _parent(path) not in self._folders):
            raise EngineError(f"the daemon's export of the step is no walk of a tree: {member.name!r}")
        self._seen.add(path)
        if member.isdir():
            self._folders[path] = member
            if not self._is_same(member, path) and path not in self._engine_made:
                self._write(member, path)
        elif member.islnk():
            self._take_link(member, path)
        elif member.isfile():
            self._take_file(member, path, tar.extractfile(member))
        elif not self._is_same(member, path):
            self._write(member, path)

    def finish(self) -> None:
        """Write the removals, and the times of directories."""
        for path, (_, status) in self._lower.items():
            here = path in self._seen or is_engine_path(path) or stat.S_ISSOCK(status.st_mode)
            if not here and (not _parent(path) or _parent(path) in self._folders):
                self._make_parents(path)
                make_whiteout(self._into / path)
        self._unpacker.finish()

    def _take_file(self, member: tarfile.TarInfo, path: str, content: IO[bytes] | None) -> None:
        assert content is not None
        if not self._is_same(member, path) or self._lower[path][1].st_size != member.size:
            self._write(member, path, content)
        elif (rest := _difference(content, Path(self._lower[path][0]))) is not None:
            self._write(member, path, Reader(rest))

    def _take_link(self, member: tarfile.TarInfo, path: str) -> None:
        """Take another name of a file that came before; which one comes first says nothing."""
        first = _clean(member.linkname)
        if first not in self._written and first not in self._lower:
            raise EngineError(f"the daemon's export of the step lacks {first!r}, which {path!r} is a link to")
        host = os.fspath(self._into / first) if first in self._written else self._lower[first][0]
        below = self._lower.get(path)
        if below is not None and same_path(host, os.lstat(host), *below):
            return
        if first in self._written:
            self._write(member, path)
        elif stat.S_ISLNK(os.lstat(host).st_mode):
            member.type, member.linkname = tarfile.SYMTYPE, read_link(host)
            self._write(member, path)
        else:
            member.type = tarfile.REGTYPE
            member.pax_headers = {**member.pax_headers, **_capability_record(host)}
            with Path(host).open("rb") as content:
                self._write(member, path, content)

    def _is_same(self, member: tarfile.TarInfo, path: str) -> bool:
        """Return whether the layers have the same there, content apart."""
        below = self._lower.get(path)
        if below is None:
            return False
        host, status = below
        if status.st_mode != _KINDS.get(member.type, 0) | member.mode & 0o7777:
            return False
        if (status.st_uid, status.st_gid) != (member.uid, member.gid):
            return False
        if member.isfile():
            value = member.pax_headers.get(_CAPABILITY, "")
            return value.encode("utf-8", "surrogateescape") == capability(host)
        if member.issym():
            return member.linkname == read_link(host)
        if member.ischr() or member.isblk():
            return status.st_rdev == os.makedev(member.devmajor, member.devminor)
        return True

    def _write(self, member: tarfile.TarInfo, path: str, content: Readable | None = None) -> None:
        self._make_parents(path)
        self._unpacker.put(member, path, content)
        self._written.add(path)

    def _make_parents(self, path: str) -> None:
        """Make the directories above a path as the step left them."""
        parent = _parent(path)
        if parent not in self._written:
            self._write(self._folders[parent], parent)


def _difference(content: IO[bytes], host: Path) -> Iterator[bytes] | None:
    """Compare content with a file of the same size; return all of it where they differ, else None."""
    done = 0
    with host.open("rb") as mine:
        while piece := content.read(PIECE):
            if mine.read(len(piece)) != piece:
                return _resumed(host, done, piece, content)
            done += len(piece)
    return None


def _resumed(host: Path, done: int, piece: bytes, content: IO[bytes]) -> Iterator[bytes]:
    """Yield the first `done` bytes of a file, then the piece that differs, then the rest."""
    with host.open("rb") as mine:
        while done:
            equal = mine.read(min(done, PIECE))
            done -= len(equal)
            yield equal
    yield piece
    while piece := content.read(PIECE):
        yield piece


def _capability_record(host: str) -> dict[str, str]:
    value = capability(host)
    return {_CAPABILITY: value.decode("utf-8", "surrogateescape")} if value else {}


def _clean(name: str) -> str:
    """Return a name of the archive as a path; raises `EngineError` for one that leads out of it."""
    path = name.strip("/").removeprefix("./")
    if ".." in path.split("/"):
        raise EngineError(f"the daemon's export of the step leads out of the tree: {name!r}")
    return "" if path == "." else path


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _upwards(path: str) -> Iterator[str]:
    """Yield a path and all above it, the root apart."""
    while path:
        yield path
        path = _parent(path)
