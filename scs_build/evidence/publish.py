"""Statements beside the images: `<folder>/<image>/<check>.json`, shared with the store."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from scs_build.canonical import sha256_file
from scs_build.evidence.runner import Verdict
from scs_build.oci.layout import link_or_copy
from scs_build.store.store import Store


def statement_path(folder: Path, image: str, check: str) -> Path:
    """Return where the statement of a check about an image is put."""
    return folder / image / f"{check}.json"


def publish(store: Store, folder: Path, verdicts: Iterable[Verdict]) -> None:
    """Put the statements of verdicts into `folder`; those that are there are left alone."""
    for verdict in verdicts:
        target = statement_path(folder, verdict.image, verdict.check)
        blob = store.blob(verdict.statement)
        if not _is_there(blob, target):
            target.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(blob, target)


def _is_there(blob: Path, target: Path) -> bool:
    try:
        return target.samefile(blob) or sha256_file(target) == blob.name
    except FileNotFoundError:
        return False
