"""Garbage collection: what may go, least recently used first, and making it go."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from scs_build.store.locking import try_flock
from scs_build.store.records import Uses, uses_of
from scs_build.store.store import Store
from scs_build.store.temporary import PART
from scs_build.store.usage import measure

Kind = Literal["step", "failed", "tree", "blob", "part"]
# A record goes before what it names, so that a collection cut short leaves no record of missing things.
ORDER: dict[Kind, int] = {"step": 0, "failed": 1, "tree": 2, "blob": 3, "part": 4}


@dataclass(frozen=True)
class Item:
    """One entry of the store: its key or hash, its bytes on the disk, when it was last used (since 1970)."""

    kind: Kind
    key: str
    bytes: int
    last_used: float


@dataclass(frozen=True)
class Collected:
    """What went, what was in use and so stayed, and the bytes that this freed."""

    removed: tuple[Item, ...]
    skipped: tuple[Item, ...]
    bytes: int


def plan_gc(
    store: Store, keep: Collection[str] | Callable[[str], bool] = (), max_bytes: int | None = None
) -> list[Item]:
    """Return what `collect` should remove, in order; removes nothing.

    `keep` names the roots (step keys, tree keys, hashes) or decides about each; what a kept record
    uses is kept too. With `max_bytes` only as much goes as brings the store down to that size, least
    recently used first; without it, all that is not kept. Something is used when its record is.
    """
    is_root = keep if callable(keep) else frozenset(key.removeprefix("sha256:") for key in keep).__contains__
    items = list(_entries(store))
    records = {item.key: _uses(store, item.key) for item in items if item.kind == "step"}
    kept = {item.key for item in items if is_root(item.key)}
    kept |= {name for key in kept & records.keys() for name in records[key].names}
    used: dict[str, float] = {}
    for item in items:
        for name in records[item.key].names if item.kind == "step" else ():
            used[name] = max(used.get(name, 0.0), item.last_used)
    candidates = [
        replace(item, last_used=max(item.last_used, used.get(item.key, 0.0)))
        for item in items
        if item.key not in kept
    ]
    candidates.sort(key=lambda item: (item.last_used, ORDER[item.kind], item.key))
    if max_bytes is None:
        return candidates
    return _oldest(candidates, sum(item.bytes for item in items) - max_bytes)


def collect(store: Store, items: Sequence[Item]) -> Collected:
    """Remove `items` and tell what went; what somebody uses, locks, or used since the plan stays.

    Waits for a collection of another process and for nobody else. Entries disappear whole.
    """
    removed: list[Item] = []
    skipped: list[Item] = []
    graves: list[Path] = []
    with store.collecting():
        busy, since = store.leases()
        names = set(busy)
        for name in busy:
            names |= _uses(store, name).names
        for item in sorted(items, key=lambda item: ORDER[item.kind]):
            in_use = item.key in names or store.is_locked(item.key) or _used_since(store, item, since)
            if in_use and item.kind == "step":
                names |= _uses(store, item.key).names
            if not in_use and _take_away(store, item, graves):
                removed.append(item)
            else:
                skipped.append(item)
    # The slow part comes after the lock: what lies in the temporary area is nobody's any more.
    for grave in graves:
        store.temporary.bury(grave)
    return Collected(tuple(removed), tuple(skipped), sum(item.bytes for item in removed))


def _oldest(candidates: Sequence[Item], excess: int) -> list[Item]:
    chosen: list[Item] = []
    for item in candidates:
        if excess <= 0:
            break
        chosen.append(item)
        excess -= item.bytes
    return chosen


def _places(store: Store) -> dict[Kind, tuple[Path, str]]:
    return {
        "step": (store.steps, ".json"),
        "failed": (store.failed, ""),
        "tree": (store.trees, ""),
        "blob": (store.blobs, ""),
        "part": (store.temporary.root, PART),
    }


def _entries(store: Store) -> Iterator[Item]:
    for kind, (folder, suffix) in _places(store).items():
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.name.endswith(suffix):
                with suppress(FileNotFoundError):  # gone meanwhile
                    yield Item(kind, path.name.removesuffix(suffix), measure(path), path.lstat().st_mtime)


def _path(store: Store, item: Item) -> Path:
    folder, suffix = _places(store)[item.kind]
    return folder / f"{item.key}{suffix}"


def _uses(store: Store, key: str) -> Uses:
    """Return what a record names; nothing when there is no such record, or none that can be read."""
    try:
        return uses_of(json.loads(store.record_path(key).read_bytes()))
    except (OSError, ValueError):
        return Uses()


def _used_since(store: Store, item: Item, since: float | None) -> bool:
    try:
        used = _path(store, item).lstat().st_mtime
    except FileNotFoundError:
        return False
    return used > item.last_used or (since is not None and used >= since)


def _take_away(store: Store, item: Item, graves: list[Path]) -> bool:
    """Make the entry invisible at once; False when it is gone already or a download is writing it."""
    path = _path(store, item)
    try:
        if item.kind in ("tree", "failed"):
            graves.append(store.temporary.hide(path))
        elif item.kind == "part":
            return _remove_part(path)
        else:
            path.unlink()
    except FileNotFoundError:
        return False
    return True


def _remove_part(path: Path) -> bool:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if free := try_flock(fd):
            path.unlink()
        return free
    finally:
        os.close(fd)
