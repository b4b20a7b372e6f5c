"""The form in which overlay keeps a layer: removals as devices, opaque folders as attributes.

A character device 0/0 removes a path of the layers below, a folder marked opaque hides what they hold.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from scs_build.errors import EngineError, Location
from scs_build.inputs.artefact import EntryType

_CAPABILITY = "security.capability"
_OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")
_REDIRECT = ("trusted.overlay.redirect", "user.overlay.redirect")
_TYPES: dict[int, EntryType] = {
    stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link",
    stat.S_IFCHR: "char", stat.S_IFBLK: "block", stat.S_IFIFO: "fifo",
}  # fmt: skip


def type_of(status: os.stat_result) -> EntryType | None:
    """Return the type of a path; None for a socket, which no archive can hold."""
    return _TYPES.get(stat.S_IFMT(status.st_mode))


def is_whiteout(status: os.stat_result) -> bool:
    """Return whether a path of an overlay layer says that the path is removed."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def make_whiteout(path: str | Path) -> None:
    """Say at a path of an overlay layer that the path is removed; a user needs Linux 5.8 for it."""
    os.mknod(path, stat.S_IFCHR, os.makedev(0, 0))


def is_opaque(folder: str) -> bool:
    """Return whether a folder of an overlay layer hides the folders below.

    Raises `EngineError` for a folder that points to another one of the layers below: overlay's
    `redirect_dir`, which must be off.
    """
    names = [name for name in os.listxattr(folder, follow_symlinks=False) if ".overlay." in name]
    if not set(names).isdisjoint(_REDIRECT):
        reason = "the overlay layer was written with redirect_dir=on, which is not read"
        raise EngineError(reason, where=Location(folder), solution="mount overlays with redirect_dir=off")
    return any(os.getxattr(folder, name, follow_symlinks=False) == b"y" for name in names if name in _OPAQUE)


def capability(path: str | Path) -> bytes:
    """Return the file capabilities of a regular file as the kernel stores them; none is empty."""
    try:
        return os.getxattr(path, _CAPABILITY, follow_symlinks=False)
    except OSError:
        return b""


def read_link(path: str) -> str:
    """Return the target of a link exactly as written, which `Path.readlink` does not ("./a" becomes "a")."""
    return os.readlink(path)  # noqa: PTH115


def lstat(path: str) -> os.stat_result | None:
    """Return the status of a path itself, None when there is none."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def stacked(hosts: Sequence[str]) -> tuple[str, ...]:
    """Return those of the candidates, uppermost first, that are merged into one folder."""
    merged = []
    for host in hosts:
        status = lstat(host)
        if status is None:
            continue
        if not stat.S_ISDIR(status.st_mode):
            break
        merged.append(host)
        if is_opaque(host):
            break
    return tuple(merged)
