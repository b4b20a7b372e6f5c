"""The merged view on a stack of overlay layers, its index, and what one layer changes about those below."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scs_build.canonical import sha256_file
from scs_build.errors import ResultError
from scs_build.inputs.artefact import Member
from scs_build.inside import resolve
from scs_build.oci.entry import Entry
from scs_build.oci.overlay import capability, is_opaque, is_whiteout, lstat, read_link, stacked, type_of


@dataclass(frozen=True, slots=True)
class Change:
    """One path that an overlay layer adds, changes or removes."""

    path: str
    kind: Literal["added", "changed", "removed"]


class MergedTree:
    """What a mount of overlay layers, lowest first, would show; read without a mount.

    Paths have no leading slash. Links among the parents of a path (bin -> usr/bin) are followed inside
    the tree, a link at its end is not. The layers must not change while the view is in use.
    """

    def __init__(self, layers: Sequence[Path]) -> None:
        self._folders: dict[str, tuple[str, ...]] = {"": stacked([os.fspath(x) for x in layers[::-1]])}
        self._resolved: dict[str, str] = {"": ""}

    def lookup(self, path: str) -> Path | None:
        """Return where on the host the path lies, None when the tree has no such path.

        Parents that are links are followed. For a folder it is the uppermost layer's one.
        """
        found = self.at(self.real(path))
        return Path(found[0]) if found else None

    def real(self, path: str) -> str:
        """Return the path with the links among its parents followed, its own name as it is."""
        parent, _, name = path.strip("/").rpartition("/")
        real = self._resolved.get(parent)
        if real is None:
            real = self._resolved[parent] = resolve(parent, self._link_at)
        return f"{real}/{name}" if real else name

    def at(self, path: str) -> tuple[str, os.stat_result] | None:
        """Return host path and status of a path; links among its parents are not followed."""
        parent, _, name = path.rpartition("/")
        for folder in self.folders(parent):
            host = f"{folder}/{name}" if name else folder
            if (status := lstat(host)) is not None:
                return None if is_whiteout(status) else (host, status)
        return None

    def folders(self, path: str) -> tuple[str, ...]:
        """Return the host folders that together are the folder `path`, uppermost first; empty: no folder."""
        known = self._folders.get(path)
        if known is None:
            parent, _, name = path.rpartition("/")
            known = stacked([f"{folder}/{name}" for folder in self.folders(parent)])
            self._folders[path] = known
        return known

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Path, os.stat_result]]:
        """Yield every path below the folder `prefix` (not itself) with its host path and status, sorted.

        A folder comes before what it holds. A prefix that is no folder yields nothing.
        """
        start = self.real(prefix)
        for path, host, status in self.below(start):
            yield path, Path(host), status

    def names(self, folder: str) -> set[str]:
        """Return the names in a folder in any layer, removed ones included."""
        return set().union(*map(os.listdir, self.folders(folder)))

    def below(self, folder: str) -> Iterator[tuple[str, str, os.stat_result]]:
        """Yield what `walk` yields, host paths as strings; links in `folder` are not followed."""
        for name in sorted(self.names(folder)):
            path = f"{folder}/{name}" if folder else name
            found = self.at(path)
            if found is None:
                continue
            yield path, *found
            if stat.S_ISDIR(found[1].st_mode):
                yield from self.below(path)

    def entry(self, path: str) -> Entry:
        """Return the path as an entry of a layer, its content in the file on the host.

        Raises `ResultError` when the tree has no such path, or a socket there.
        """
        found = self.at(self.real(path))
        if found is None:
            raise ResultError(f"/{path}: the tree has no such path")
        host, status = found
        kind = type_of(status)
        if kind is None:
            raise ResultError(f"/{path}: is a socket, which an image cannot hold")
        is_file = kind == "file"
        return Entry(
            path.strip("/"),
            kind,
            stat.S_IMODE(status.st_mode),
            status.st_uid,
            status.st_gid,
            content=Path(host) if is_file else b"",
            link=read_link(host) if kind == "link" else "",
            capability=capability(host) if is_file else b"",
        )

    def _link_at(self, path: str) -> str | None:
        found = self.at(path)
        return read_link(found[0]) if found and stat.S_ISLNK(found[1].st_mode) else None


def changes(upper: Path, lower: MergedTree) -> Iterator[Change]:
    """Yield what the overlay layer `upper` changes about `lower`, sorted folder by folder.

    Paths are compared in type, mode, owner, content, link target, device number and file capabilities,
    never in time; a path that the layer holds unchanged is no change. Every path below a removed or
    replaced folder is named as well. Only the layer and what lies under its paths is read.
    """
    yield from _folder(os.fspath(upper), "", lower)


def same_path(host: str, status: os.stat_result, other: str, below: os.stat_result) -> bool:
    """Return whether two paths are equal in all that a layer holds: times are no part of it."""
    if not same_facts(status, below) or _link(host, status) != _link(other, below):
        return False
    if not stat.S_ISREG(status.st_mode):
        return True
    return (
        status.st_size == below.st_size
        and capability(host) == capability(other)
        and sha256_file(Path(host)) == sha256_file(Path(other))
    )


def same_facts(one: os.stat_result, other: os.stat_result) -> bool:
    """Return whether two paths are equal in type, mode and owner."""
    return (one.st_mode, one.st_uid, one.st_gid) == (other.st_mode, other.st_uid, other.st_gid)


def index(root: Path | MergedTree) -> dict[str, Member]:
    """Return every path of a folder or a merged tree, content hashed; hard links are plain files.

    `link` of a device is its number, `major:minor`. Sockets, which no archive can hold, are left out.
    """
    tree = root if isinstance(root, MergedTree) else MergedTree((root,))
    hashes: dict[tuple[int, int], str] = {}
    found = {}
    for path, host, status in tree.below(""):
        kind = type_of(status)
        if kind is None:
            continue
        size, sha256 = 0, ""
        if kind == "file":
            inode = (status.st_dev, status.st_ino)
            sha256 = hashes.get(inode) or hashes.setdefault(inode, sha256_file(Path(host)))
            size = status.st_size
        mode = stat.S_IMODE(status.st_mode)
        found[path] = Member(
            path, kind, mode, status.st_uid, status.st_gid, size, sha256, _link(host, status)
        )
    return found


def removals(layer: Path) -> list[str]:
    """Return the paths that a layer says are removed, sorted."""
    return sorted(p.relative_to(layer).as_posix() for p in layer.rglob("*") if is_whiteout(p.lstat()))


def _link(host: str, status: os.stat_result) -> str:
    if stat.S_ISLNK(status.st_mode):
        return read_link(host)
    if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        return f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    return ""


def _folder(host: str, path: str, lower: MergedTree, opaque: bool = False) -> Iterator[Change]:
    """Yield the changes below one folder of the layer; what lies in an opaque one is opaque as well."""
    opaque = opaque or is_opaque(host)
    with os.scandir(host) as listing:
        present = {entry.name: entry.stat(follow_symlinks=False) for entry in listing}
    hidden = lower.names(path) if opaque else set()
    for name in sorted({*present, *hidden}):
        child = f"{path}/{name}" if path else name
        status = present.get(name)
        if status is None or is_whiteout(status):
            yield from _removed(child, lower)
        else:
            yield from _present(f"{host}/{name}", child, status, lower, opaque)


def _present(
    host: str, path: str, status: os.stat_result, lower: MergedTree, opaque: bool
) -> Iterator[Change]:
    below = lower.at(path)
    if below is None:
        yield Change(path, "added")
    elif not same_path(host, status, *below):
        yield Change(path, "changed")
    if stat.S_ISDIR(status.st_mode):
        yield from _folder(host, path, lower, opaque)
    elif below is not None and stat.S_ISDIR(below[1].st_mode):
        yield from (Change(gone, "removed") for gone, _, _ in lower.below(path))


def _removed(path: str, lower: MergedTree) -> Iterator[Change]:
    if lower.at(path) is not None:
        yield Change(path, "removed")
        yield from (Change(gone, "removed") for gone, _, _ in lower.below(path))
