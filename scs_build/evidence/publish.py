"""Statements beside the images: `<folder>/<image>/<check>.json`, shared with the store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from scs_build.canonical import sha256_file
from scs_build.oci.layout import link_or_copy
from scs_build.store.store import Store


def statement_path(folder: Path, image: str, check: str) -> Path:
    """Return where the statement of a check about an image is put."""
    return folder / image / f"{check}.json"


def publish(store: Store, folder: Path, statements: Mapping[tuple[str, str], str]) -> None:
    """Put statements of the store, by image and check, into `folder`; those that are there are left alone."""
    for (image, check), digest in statements.items():
        target = statement_path(folder, image, check)
        blob = store.blob(digest)
        if not _is_there(blob, target):
            target.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(blob, target)


def _is_there(blob: Path, target: Path) -> bool:
    try:
        return target.samefile(blob) or sha256_file(target) == blob.name
    except FileNotFoundError:
        return False
