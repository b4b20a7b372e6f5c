"""The keys of a series' images as they were computed before from these very bytes.

Reading recipes and locks costs more than hashing their files. Where nothing changed at all, and every
result is there, the answer is known without it; in every other case the plan is made in full.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from scs_build.canonical import digest_of, sha256_bytes
from scs_build.errors import DiskFullError, StoreError
from scs_build.files import read_regular
from scs_build.plan.history import NOTHING, result_of_key
from scs_build.store.store import Store

PACKAGE = Path(__file__).resolve().parents[1]
# The code that makes keys from files: a change of it is a change of what is remembered.
CODE = ("canonical.py", "recipes", "inputs", "locks", "plan")


class KnownImage(NamedTuple):
    """An image of the series, its key, and the layers that touch it."""

    name: str
    kind: str
    key: str
    origin: Sequence[str] = ()


def fingerprint(root: Path, series: str, platform: str, layers: Sequence[Path] = ()) -> str:
    """Return what stands for every byte that keys are computed from, the code that does it included."""
    recipes = [file_hashes(root / "images"), *(layer_hashes(layer, "images") for layer in layers)]
    files = {"recipes": recipes, "code": [file_hashes(PACKAGE / name, ".py") for name in CODE]}
    return digest_of({"fingerprint": files, "series": series, "platform": platform})


def remember_keys(store: Store, mark: str, images: Iterable[KnownImage]) -> None:
    """Keep the keys of all images of a series under their fingerprint, if the store can be written."""
    with suppress(OSError, StoreError, DiskFullError):
        store.put_record(mark, {"images": [list(image) for image in images], "uses": NOTHING})


def all_there(store: Store, mark: str) -> list[KnownImage] | None:
    """Return the images of a series if their keys are remembered and all their results are in the store."""
    record = store.record(mark)
    if record is None:
        return None
    lines = record["images"]
    images = [KnownImage(name, kind, key, tuple(origin)) for name, kind, key, origin in lines]
    return images if all(result_of_key(store, image.key) is not None for image in images) else None


def layer_hashes(layer: Path, *folders: str) -> list[list[tuple[str, str]]]:
    """Return the hashes of a layer's head and of these folders of it."""
    return [file_hashes(layer / name) for name in ("layer.yaml", *folders)]


def file_hashes(top: Path, ending: str = "") -> list[tuple[str, str]]:
    """Return every file at or below `top`, by its path from there, with the hash of its content; sorted."""
    paths = sorted(path for path in _files(os.fspath(top)) if path.endswith(ending))
    return [(path.removeprefix(os.fspath(top)), sha256_bytes(_content(path))) for path in paths]


def _files(top: str) -> Iterator[str]:
    if not os.path.isdir(top):  # noqa: PTH112 - strings: a Path per file costs more than its hash
        yield top
    for folder, _, names in os.walk(top):
        yield from (f"{folder}/{name}" for name in names)


def _content(path: str) -> bytes:
    try:
        return read_regular(path)
    except OSError as error:  # a link to nowhere, a pipe: whoever needs the file will say so
        return f"{error.errno}".encode()
