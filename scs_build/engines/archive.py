"""Directories as tar streams for a Docker daemon: as they are, or as layers with its own removal marks."""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from scs_build.errors import EngineError
from scs_build.oci.order import WHITEOUT
from scs_build.oci.overlay import capability, is_opaque, is_whiteout, read_link
from scs_build.oci.source import opened, pieces
from scs_build.oci.unpack import OPAQUE

# What goes over the connection at once.
PIECE = 1 << 20
_CAPABILITY = "SCHILY.xattr.security.capability"


def tree_archive(tree: Path) -> Iterator[bytes]:
    """Yield a directory with overlay semantics as an uncompressed layer: equal trees give equal bytes.

    Times are part of it: what runs on the tree may compare them. Sockets are left out.
    """
    yield from in_pieces(_members(os.fspath(tree), "", {}))


def file_member(name: str, content: bytes) -> bytes:
    """Return a small file as a member of an archive."""
    return member_header(name, len(content)) + content + padding(len(content))


def member_header(name: str, size: int) -> bytes:
    """Return the header of a file of `size` bytes; content and padding follow."""
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.PAX_FORMAT)


def padding(size: int) -> bytes:
    """Return what follows `size` bytes of content."""
    return bytes(-size % tarfile.BLOCKSIZE)


def in_pieces(data: Iterable[bytes]) -> Iterator[bytes]:
    """Join small pieces, and end them as an archive: each piece is one write on a connection."""
    buffer = bytearray()
    for part in data:
        buffer += part
        if len(buffer) >= PIECE:
            yield bytes(buffer)
            buffer.clear()
    yield bytes(buffer) + bytes(2 * tarfile.BLOCKSIZE)


def _members(folder: str, place: str, links: dict[tuple[int, int], str]) -> Iterator[bytes]:
    """Yield headers and content of all that lies in a folder; `links` knows the files with several names."""
    if is_opaque(folder):
        yield file_member(f"{place}{OPAQUE}", b"")
    with os.scandir(folder) as entries:
        children = sorted(entries, key=lambda entry: entry.name)
    for child in children:
        status = child.stat(follow_symlinks=False)
        name = place + child.name
        if child.name.startswith(WHITEOUT):
            raise EngineError(f"/{name}: Docker would take this file for the removal of another one")
        if is_whiteout(status):
            yield file_member(f"{place}{WHITEOUT}{child.name}", b"")
        elif not stat.S_ISSOCK(status.st_mode):
            yield from _member(child.path, name, status, links)
        if stat.S_ISDIR(status.st_mode):
            yield from _members(child.path, f"{name}/", links)


def _member(
    host: str, name: str, status: os.stat_result, links: dict[tuple[int, int], str]
) -> Iterator[bytes]:
    member = _described(host, name, status)
    inode = (status.st_dev, status.st_ino)
    if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
        first = links.setdefault(inode, name)
        if first != name:
            member.type, member.linkname = tarfile.LNKTYPE, first
    if member.type != tarfile.REGTYPE:
        yield member.tobuf(tarfile.PAX_FORMAT)
        return
    path = Path(host)
    with opened(path) as (descriptor, now):
        member.size = now.st_size
        yield member.tobuf(tarfile.PAX_FORMAT)
        yield from pieces(path, descriptor, now)
    yield padding(member.size)


def _described(host: str, name: str, status: os.stat_result) -> tarfile.TarInfo:
    """Return the member without its content."""
    member, records = tarfile.TarInfo(name), {}
    member.mode = stat.S_IMODE(status.st_mode)
    member.uid, member.gid = status.st_uid, status.st_gid
    member.mtime = status.st_mtime_ns // 10**9
    if fraction := status.st_mtime_ns % 10**9:
        records["mtime"] = f"{member.mtime}.{fraction:09}"
    kind = stat.S_IFMT(status.st_mode)
    member.type = _TYPES[kind]
    if kind == stat.S_IFLNK:
        member.linkname = read_link(host)
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        member.devmajor, member.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
    elif kind == stat.S_IFREG and (value := capability(host)):
        records[_CAPABILITY] = value.decode("utf-8", "surrogateescape")
    member.pax_headers = records
    return member


_TYPES = {
    stat.S_IFREG: tarfile.REGTYPE, stat.S_IFDIR: tarfile.DIRTYPE, stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE, stat.S_IFBLK: tarfile.BLKTYPE, stat.S_IFIFO: tarfile.FIFOTYPE,
}  # fmt: skip
