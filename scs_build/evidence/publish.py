"""Statements beside the images, shared with the store: `sha256/<image>/<check>-<statement>.json`.

A layer of recipes over ours makes other images of the same names, and can judge the same ones by other rules:
what was said of what is told apart by the digests of both. `<series>/<image>/<check>.json` is the way in for
people, a link to what was said last.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scs_build.canonical import sha256_file
from scs_build.oci.layout import link_or_copy
from scs_build.store.store import Store

# As many digits of a statement's digest as tell two statements of one check about one image apart.
DIGITS = 12


def statement_path(folder: Path, image: str, check: str, statement: str) -> Path:
    """Return where a statement is put; `image` and `statement` are digests."""
    said = statement.removeprefix("sha256:")[:DIGITS]
    return folder / "sha256" / image.removeprefix("sha256:") / f"{check}-{said}.json"


def publish(store: Store, folder: Path, series: str, verdicts: Iterable[Mapping[str, Any]]) -> None:
    """Put the statements of verdicts (as `check --json` has them) into `folder`, with the way in of a series.

    Statements that are there are left alone.
    """
    for verdict in verdicts:
        target = statement_path(folder, verdict["digest"], verdict["check"], verdict["statement"])
        blob = store.blob(verdict["statement"])
        if not _is_there(blob, target):
            target.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(blob, target)
        _lead(folder / series / verdict["image"] / f"{verdict['check']}.json", target)


def _lead(way: Path, target: Path) -> None:
    """Make a relative link, in one move, unless it leads there already."""
    link = os.path.relpath(target, way.parent)
    if way.is_symlink() and os.readlink(way) == link:  # noqa: PTH115 - compared as it was written
        return
    way.parent.mkdir(parents=True, exist_ok=True)
    new = way.with_name(f".{way.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(link)
    new.replace(way)


def _is_there(blob: Path, target: Path) -> bool:
    try:
        return target.samefile(blob) or sha256_file(target) == blob.name
    except FileNotFoundError:
        return False
