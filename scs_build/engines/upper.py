"""From what overlayfs left in its upper directory to the layer that a step made."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from scs_build.engines.mask import ENGINE_DIRECTORIES, ENGINE_FILES
from scs_build.engines.spec import OPAQUE
from scs_build.errors import EngineError

OVERLAY_NAMESPACES = ("user.overlay.", "trusted.overlay.")
# A layer with these is only complete together with the very directories below it.
DEPENDENT = ("redirect", "metacopy")


def clean(upper: Path, layers: Sequence[Path], mount_points: Iterable[str] = ()) -> None:
    """Turn the upper directory of an overlay on `layers` (lowest first) into the step's layer.

    Removes what belongs to the engine, the `mount_points` (absolute paths inside) that the layers do
    not have, the bookkeeping of overlayfs, and directories that were copied up but not changed.
    Raises `EngineError` when overlayfs stored references into the layers in place of content.
    """
    _remove_engine_paths(upper)
    for path in mount_points:
        _remove_mount_point(upper, path.strip("/"), layers)
    _settle(upper, "", layers)


def find(layers: Sequence[Path], path: str) -> os.stat_result | None:
    """Return what the merged `layers` (lowest first) have at `path` (no leading slash, no link followed)."""
    for layer in reversed(layers):
        found, goes_on = _look(layer, path)
        if found is not None or not goes_on:
            return found
    return None


def is_whiteout(status: os.stat_result) -> bool:
    """Return whether an overlay layer says with this path that it is removed."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def is_opaque(directory: Path) -> bool:
    """Return whether a directory of an overlay layer hides what lies below it."""
    with suppress(OSError):
        return os.getxattr(directory, OPAQUE, follow_symlinks=False) == b"y"
    return False


def _look(layer: Path, path: str) -> tuple[os.stat_result | None, bool]:
    """Return what one layer has at `path`, and whether the layers below it are to be asked."""
    *parents, name = path.split("/")
    current, opaque = layer, False
    for part in parents:
        current = current / part
        status = _lstat(current)
        if status is None:
            return None, not opaque
        if not stat.S_ISDIR(status.st_mode):
            return None, False
        opaque = opaque or is_opaque(current)
    status = _lstat(current / name)
    if status is None:
        return None, not opaque
    return (None if is_whiteout(status) else status), False


def _lstat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


def _remove_engine_paths(upper: Path) -> None:
    for name in ENGINE_DIRECTORIES:
        _remove(upper / name)
    for name in ENGINE_FILES:
        if not (upper / name).parent.is_symlink():
            _remove(upper / name)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_mount_point(upper: Path, path: str, layers: Sequence[Path]) -> None:
    """Remove an empty mount point and its empty parents up to the first that the layers have."""
    while path and find(layers, path) is None:
        target = upper / path
        try:
            if target.is_dir():
                target.rmdir()
            elif target.is_file() and not target.stat().st_size:
                target.unlink()
        except OSError:  # not empty: the step made something beside the mount point
            return
        path = path.rpartition("/")[0]


def _settle(directory: Path, path: str, layers: Sequence[Path]) -> None:
    """Tidy a directory of the upper and what it holds; `path` is its place in the layer."""
    attributes = _tidy_attributes(directory)
    with os.scandir(directory) as entries:
        children = list(entries)
    for child in children:
        place = f"{path}/{child.name}" if path else child.name
        if child.is_dir(follow_symlinks=False):
            _settle(Path(child.path), place, layers)
        elif child.is_file(follow_symlinks=False):
            _tidy_attributes(Path(child.path))
    if path and not attributes and not any(directory.iterdir()) and _is_unchanged(directory, path, layers):
        directory.rmdir()


def _tidy_attributes(path: Path) -> list[str]:
    """Remove overlayfs's notes except the opaque mark; return the attributes that stay."""
    kept = []
    for name in os.listxattr(path, follow_symlinks=False):
        note = next((name.removeprefix(n) for n in OVERLAY_NAMESPACES if name.startswith(n)), None)
        if note in DEPENDENT:
            raise EngineError(
                f"overlayfs stored a reference ({note}) in place of the content of {path}",
                solution="switch off redirect_dir and metacopy in /sys/module/overlay/parameters",
            )
        if note is None or name == OPAQUE:
            kept.append(name)
        else:
            os.removexattr(path, name, follow_symlinks=False)
    return kept


def _is_unchanged(directory: Path, path: str, layers: Sequence[Path]) -> bool:
    below, now = find(layers, path), directory.lstat()
    if below is None or not stat.S_ISDIR(below.st_mode):
        return False
    return (below.st_mode, below.st_uid, below.st_gid) == (now.st_mode, now.st_uid, now.st_gid)
