"""From what overlayfs left in its upper directory to the layer that a step made."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from scs_build.engines.mask import ENGINE_DIRECTORIES, ENGINE_FILES, is_engine_path
from scs_build.errors import EngineError
from scs_build.oci.overlay import is_whiteout, make_whiteout
from scs_build.oci.tree import MergedTree, same_facts, same_path

OVERLAY_NAMESPACES = ("user.overlay.", "trusted.overlay.")
OPAQUE = "opaque"
# A layer with these is only complete together with the very directories below it.
DEPENDENT = ("redirect", "metacopy")


def clean(upper: Path, layers: Sequence[Path], mount_points: Iterable[str] = ()) -> None:
    """Turn the upper directory of an overlay on `layers` (lowest first) into the step's layer.

    Removes what belongs to the engine, the `mount_points` (absolute paths inside) that the layers do
    not have, the bookkeeping of overlayfs, and what was copied up but not changed; what an opaque
    directory hides gets removals of its own. So the layer depends on the trees before and after the step
    alone. Raises `EngineError` when overlayfs stored references into the layers in place of content.
    """
    lower = MergedTree(layers)
    _remove_engine_paths(upper)
    for path in mount_points:
        _remove_mount_point(upper, path.strip("/"), lower)
    _settle(upper, "", lower, opaque=False)


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


def _remove_mount_point(upper: Path, path: str, lower: MergedTree) -> None:
    """Remove an empty mount point and its empty parents up to the first that the layers have."""
    while path and lower.at(path) is None:
        target = upper / path
        try:
            if target.is_dir():
                target.rmdir()
            elif target.is_file() and not target.stat().st_size:
                target.unlink()
        except OSError:  # not empty: the step made something beside the mount point
            return
        path = path.rpartition("/")[0]


def _settle(directory: Path, path: str, lower: MergedTree, *, opaque: bool) -> None:
    """Tidy a directory of the upper and what it holds; `path` is its place in the layer.

    With `opaque` what the layers have here is hidden; each such path that is gone gets its removal.
    """
    notes = _take_notes(directory)
    opaque = opaque or OPAQUE in notes
    with os.scandir(directory) as entries:
        children = {child.name: child for child in entries}
    for name, child in children.items():
        place = f"{path}/{name}" if path else name
        if child.is_dir(follow_symlinks=False):
            _settle(Path(child.path), place, lower, opaque=opaque)
        else:
            _settle_path(child, place, lower)
    for name in (lower.names(path) if opaque else set()) - children.keys():
        place = f"{path}/{name}" if path else name
        if lower.at(place) is not None and not is_engine_path(place):
            make_whiteout(directory / name)
    if path and not any(directory.iterdir()) and _is_unchanged(directory, path, lower):
        directory.rmdir()


def _settle_path(child: os.DirEntry[str], place: str, lower: MergedTree) -> None:
    """Drop what is no change: a removal of nothing, an equal copy."""
    status, below = child.stat(follow_symlinks=False), lower.at(place)
    if stat.S_ISREG(status.st_mode):
        _take_notes(Path(child.path))
    same = below is None if is_whiteout(status) else below and same_path(child.path, status, *below)
    if same:
        Path(child).unlink()


def _take_notes(path: Path) -> list[str]:
    """Remove overlayfs's notes; return the names of those that say yes, without the namespace."""
    notes = []
    for name in os.listxattr(path, follow_symlinks=False):
        note = next((name.removeprefix(n) for n in OVERLAY_NAMESPACES if name.startswith(n)), None)
        if note in DEPENDENT:
            raise EngineError(
                f"overlayfs stored a reference ({note}) in place of the content of {path}",
                solution="switch off redirect_dir and metacopy in /sys/module/overlay/parameters",
            )
        if note is not None:
            if os.getxattr(path, name, follow_symlinks=False) == b"y":
                notes.append(note)
            os.removexattr(path, name, follow_symlinks=False)
    return notes


def _is_unchanged(directory: Path, path: str, lower: MergedTree) -> bool:
    below = lower.at(path)
    return below is not None and same_facts(directory.lstat(), below[1])
