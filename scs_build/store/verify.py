"""Checking a store: every blob is what its name says, every record is readable and names what is there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scs_build.canonical import sha256_file
from scs_build.errors import StoreError
from scs_build.progress import Progress, Silent, Task
from scs_build.store.records import uses_of
from scs_build.store.store import HEX, Store
from scs_build.store.usage import measure


@dataclass(frozen=True)
class Problem:
    """Something that is not what it must be: `what` (`blob <sha256>`, `step <key>`, `tree <key>`) and why."""

    what: str
    reason: str


def verify(store: Store, progress: Progress | None = None, *, repair: bool = False) -> list[Problem]:
    """Read the whole store and return what is wrong, sorted.

    With `repair` what is broken is taken away, with the records that name it, so that the next run
    fetches or builds it again; the returned problems are then gone.
    """
    broken = _check_blobs(store, progress or Silent())
    broken |= {path: reason for path in _listing(store.trees) if (reason := _check_tree(path))}
    bad = set(broken)
    broken |= {path: reason for path in _listing(store.steps) if (reason := _check_record(store, path, bad))}
    problems = sorted(
        (Problem(f"{_kind(store, path)} {path.name.removesuffix('.json')}", reason)
         for path, reason in broken.items()),
        key=lambda problem: problem.what,
    )  # fmt: skip
    if repair:
        _repair(store, broken)
    return problems


def _repair(store: Store, broken: dict[Path, str]) -> None:
    # Records first: none may name what is already gone.
    with store.collecting():
        for path in sorted(broken, key=lambda path: path.parent != store.steps):
            with suppress(FileNotFoundError):
                store.temporary.bury(path)


def _check_blobs(store: Store, progress: Progress) -> dict[Path, str]:
    paths = _listing(store.blobs)
    with (
        progress.task("verify", sum(map(measure, paths)), "bytes") as task,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        reasons = pool.map(lambda path: _check_blob(path, task), paths)
        return {path: reason for path, reason in zip(paths, reasons, strict=True) if reason}


def _check_blob(path: Path, task: Task) -> str | None:
    try:
        size = measure(path)
        actual = sha256_file(path)
    except FileNotFoundError:  # collected meanwhile
        return None
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    task.advance(size)
    if not HEX.fullmatch(path.name):
        return "its name is not a sha256"
    return None if actual == path.name else f"its content has sha256 {actual}"


def _check_tree(path: Path) -> str | None:
    return None if path.is_dir() and not path.is_symlink() else "is not a folder"


def _check_record(store: Store, path: Path, broken: set[Path]) -> str | None:
    try:
        uses = uses_of(json.loads(path.read_bytes()))
        needed = [("blob", store.blob(name)) for name in sorted(uses.blobs)]
        needed += [("tree", store.tree_path(name)) for name in sorted(uses.trees)]
    except FileNotFoundError:  # collected meanwhile
        return None
    except (ValueError, StoreError) as error:
        return f"is not a record: {error}"
    return next(_missing(needed, broken), None)


def _missing(needed: list[tuple[str, Path]], broken: set[Path]) -> Iterator[str]:
    for kind, path in needed:
        if path in broken or not path.exists():
            state = "broken" if path in broken else "missing"
            yield f"needs the {kind} {path.name}, which is {state}"


def _kind(store: Store, path: Path) -> str:
    return {store.blobs: "blob", store.steps: "step", store.trees: "tree"}[path.parent]


def _listing(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
