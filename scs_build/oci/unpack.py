"""Unpacking of layers onto a folder: whiteouts, owners, modes, hard links, attributes, nothing outside.

Links on the way to a path are followed as if the folder were the root; names that lead out of it are
refused. Owners and devices are set when the caller is root; other users get files of their own.
"""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from scs_build.errors import Location, VerificationError
from scs_build.inside import resolve
from scs_build.oci.entry import Layer
from scs_build.oci.order import WHITEOUT
from scs_build.oci.overlay import read_link
from scs_build.oci.reader import PIECE, Readable
from scs_build.store.store import Store

OPAQUE = WHITEOUT + WHITEOUT + ".opq"
_XATTR = "SCHILY.xattr."
_OPEN = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def unpack_image(store: Store, layers: Iterable[Layer | str], into: Path) -> None:
    """Unpack layers of the store (or digests of them), lowest first, onto the folder `into`."""
    for layer in layers:
        unpack_layer(store.blob(layer if isinstance(layer, str) else layer.digest), into)


def unpack_layer(blob: Path, into: Path) -> None:
    """Unpack one gzip-compressed tar onto the folder `into`, which is made when missing.

    Raises `VerificationError` for a broken archive and for names that lead out of the folder.
    """
    into.mkdir(parents=True, exist_ok=True)
    unpacker = Unpacker(into)
    with open_layer(blob) as members:
        for tar, member in members:
            unpacker.add(tar, member)
    unpacker.finish()


@contextmanager
def open_layer(
    blob: Path, tap: Callable[[bytes], object] | None = None
) -> Iterator[Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]]:
    """Lend the members of a gzip-compressed tar, each with the archive, which can be read up to the next one.

    `tap` gets every byte of the blob, once all members were taken. Raises `VerificationError` for a broken
    archive; one that is raised inside gets the place.
    """
    try:
        with blob.open("rb") as raw:
            inflated = _Inflated(raw, tap)
            with tarfile.open(fileobj=inflated, mode="r:") as tar:  # type: ignore[call-overload]
                yield _members(tar)
            while inflated.read(PIECE):
                pass
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise VerificationError(f"is not a whole gzip-compressed tar: {error}", where=_at(blob)) from error
    except VerificationError as error:
        raise VerificationError(error.reason, where=_at(blob)) from error


def _members(tar: tarfile.TarFile) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    for member in tar:
        yield tar, member
        # tarfile keeps every member it has seen; a stream never goes back to one.
        tar.members.clear()  # type: ignore[attr-defined]


def _at(blob: Path) -> Location:
    return Location(str(blob))


class _Inflated:
    """The content of gzip members as a file that is read once, forwards.

    The streams of tarfile and gzip copy what they hold with every header that is read; this one does not.
    """

    def __init__(self, raw: IO[bytes], tap: Callable[[bytes], object] | None = None) -> None:
        self._raw = raw
        self._tap = tap
        self._pieces = self._inflate()
        self._piece = b""
        self._used = 0
        self._position = 0

    def _inflate(self) -> Iterator[bytes]:
        member = zlib.decompressobj(wbits=31)
        started = False
        while data := self._raw.read(PIECE):
            if self._tap:
                self._tap(data)
            while data:
                if member.eof:
                    member = zlib.decompressobj(wbits=31)
                started = True
                if piece := member.decompress(data, PIECE):
                    yield piece
                data = member.unused_data if member.eof else member.unconsumed_tail
        while started and not member.eof:
            if not (piece := member.decompress(member.unconsumed_tail, PIECE)):
                raise EOFError("the compressed data ends early")
            yield piece

    def tell(self) -> int:
        """Return how many bytes were taken."""
        return self._position

    def seek(self, position: int) -> int:
        """Skip to a later position; the end is as far as it goes."""
        while (left := position - self._position) > 0 and self.read(min(left, PIECE)):
            pass
        return self._position

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the end."""
        start, end = self._used, self._used + size
        if end > len(self._piece):
            return self._read_on(size)
        self._used = end
        self._position += size
        return self._piece[start:end]

    def _read_on(self, size: int) -> bytes:
        """Read over the end of a piece."""
        parts = [self._piece[self._used :]]
        missing = size - len(parts[0])
        self._piece, self._used = b"", 0
        while missing > 0 and (piece := next(self._pieces, b"")):
            self._piece, self._used = piece, min(missing, len(piece))
            parts.append(piece[:missing])
            missing -= self._used
        data = b"".join(parts)
        self._position += len(data)
        return data


class Unpacker:
    """Puts members below `root`; remembers what this layer brought, which its whiteouts do not touch."""

    def __init__(self, root: Path) -> None:
        self._root = os.fspath(root)
        self._owned = os.geteuid() == 0
        self._made: set[str] = set()
        self._parents: dict[str, str] = {"": ""}
        self._folders: dict[str, float] = {}

    def add(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Put one member in place."""
        path = self._inside(member.name)
        parent, _, name = path.rpartition("/")
        if name == OPAQUE:
            self._empty(parent)
        elif name.startswith(WHITEOUT):
            self._remove_below(f"{parent}/{name.removeprefix(WHITEOUT)}".lstrip("/"))
        else:
            self._make_parents(parent)
            self.put(member, path, tar.extractfile(member) if member.isfile() else None)
            self._made.add(path)

    def finish(self) -> None:
        """Set the times of folders, which later members would have changed."""
        for path, mtime in self._folders.items():
            os.utime(self._host(path), (mtime, mtime))

    def _host(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _inside(self, name: str) -> str:
        """Return the real path of a member: its parent's links followed inside the root, its own not."""
        clean = name.strip("/").removeprefix("./")
        if ".." in clean.split("/"):
            raise VerificationError(f"the member {name!r} leads out of the folder")
        if clean in ("", "."):
            return ""
        parent, _, last = clean.rpartition("/")
        real = self._parents.get(parent)
        if real is None:
            real = self._parents[parent] = resolve(parent, self._link_at)
        return f"{real}/{last}" if real else last

    def _link_at(self, path: str) -> str | None:
        try:
            return read_link(self._host(path))
        except OSError:
            return None

    def _make_parents(self, parent: str) -> None:
        """Make missing parents; a lower layer's file in the way is replaced."""
        while parent and parent not in self._made:
            if not self._is_folder(parent):
                upper = parent.rpartition("/")[0]
                self._make_parents(upper)
                self._remove(parent)
                os.mkdir(self._host(parent), 0o755)  # noqa: PTH102 - strings: a Path per member costs more
            self._made.add(parent)
            parent = parent.rpartition("/")[0]

    def _is_folder(self, path: str) -> bool:
        try:
            return stat.S_ISDIR(os.lstat(self._host(path)).st_mode)
        except OSError:
            return False

    def put(self, member: tarfile.TarInfo, path: str, content: Readable | None = None) -> None:
        """Put a member, with the `content` of a file, at a path whose parents are there and are no links."""
        host = self._host(path)
        if member.isdir():
            if not self._is_folder(path):
                self._remove(path)
                os.mkdir(host)  # noqa: PTH102
            self._folders[path] = member.mtime
        elif member.isfile():
            self._write(content, path)
        elif member.islnk():
            self._link(member, path)
            return
        else:
            self._special(member, path)
        self._dress(member, host)

    def _write(self, content: Readable | None, path: str) -> None:
        host = self._host(path)
        try:
            descriptor = os.open(host, _OPEN, 0o600)
        except FileExistsError:
            self._remove(path)
            descriptor = os.open(host, _OPEN, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as target:
            while content is not None and (piece := content.read(PIECE)):
                target.write(piece)

    def _link(self, member: tarfile.TarInfo, path: str) -> None:
        target = self._inside(member.linkname)
        if target == path:
            return
        self._remove(path)
        try:
            os.link(self._host(target), self._host(path), follow_symlinks=False)
        except OSError as error:
            reason = f"the hard link {member.name!r} to {member.linkname!r}: {error.strerror}"
            raise VerificationError(reason) from error

    def _special(self, member: tarfile.TarInfo, path: str) -> None:
        self._remove(path)
        host = self._host(path)
        if member.issym():
            Path(host).symlink_to(member.linkname)
        elif member.isfifo():
            os.mkfifo(host)
        elif (member.ischr() or member.isblk()) and self._owned:
            kind = stat.S_IFCHR if member.ischr() else stat.S_IFBLK
            os.mknod(host, kind | 0o600, os.makedev(member.devmajor, member.devminor))
        else:
            raise VerificationError(f"the member {member.name!r} is of a kind that cannot be made here")

    def _dress(self, member: tarfile.TarInfo, host: str) -> None:
        """Set owner, mode, attributes and time, in this order: a new owner clears setuid and capabilities."""
        if self._owned:
            os.chown(host, member.uid, member.gid, follow_symlinks=False)
        if not member.issym():
            os.chmod(host, member.mode & 0o7777)  # noqa: PTH101
        for key, value in member.pax_headers.items():
            if key.startswith(_XATTR) and (self._owned or key.startswith(_XATTR + "user.")):
                data = value.encode("utf-8", "surrogateescape")
                os.setxattr(host, key.removeprefix(_XATTR), data, follow_symlinks=False)
        os.utime(host, (member.mtime, member.mtime), follow_symlinks=False)

    def _empty(self, folder: str) -> None:
        """Remove what layers below left in a folder."""
        if self._is_folder(folder):
            for name in os.listdir(self._host(folder)):  # noqa: PTH208
                self._remove_below(f"{folder}/{name}" if folder else name)

    def _remove_below(self, path: str) -> None:
        """Remove what layers below left at a path; what this layer brought stays."""
        if path not in self._made:
            self._remove(path)
        elif self._is_folder(path):
            self._empty(path)

    def _remove(self, path: str) -> None:
        if not path:
            raise VerificationError("a member would replace the root folder")
        host = self._host(path)
        try:
            mode = os.lstat(host).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return
        if stat.S_ISDIR(mode):
            shutil.rmtree(host)
        else:
            os.unlink(host)  # noqa: PTH108
        if stat.S_ISDIR(mode) or stat.S_ISLNK(mode):
            # What paths lead to has changed.
            self._parents = {"": ""}
