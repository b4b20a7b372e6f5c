"""Whole answers of `check`, found before from these very bytes: known again without reading a recipe.

Reading recipes and locks, and building the keys of all that they name, takes longer than hashing every file
that an answer depends on. Only answers with nothing to mend are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scs_build.canonical import digest_of, sha256_file
from scs_build.plan.history import NOTHING, result_of_key
from scs_build.plan.remembered import PACKAGE, file_hashes, layer_hashes
from scs_build.store.store import Store

Answer = dict[str, Any]
FOLDERS = ("images", "policy")


def mark_of(root: Path, asked: Mapping[str, object], layers: Iterable[Path] = ()) -> str:
    """Return what stands for a question, every recipe, lock and policy, and the code that answers."""
    ours = {name: file_hashes(root / name) for name in FOLDERS}
    files = [ours, *(layer_hashes(layer, *FOLDERS) for layer in layers)]
    return digest_of({"check": dict(asked), "files": files, "code": file_hashes(PACKAGE, ".py")})


def remember(store: Store, mark: str, answer: Answer, keys: Iterable[str], manifest: Path) -> None:
    """Keep an answer about the images with these keys, whose evidence the manifest indexes."""
    known = {**answer, "verdicts": [{**verdict, "seconds": 0.0} for verdict in answer["verdicts"]]}
    blobs = [verdict["statement"].removeprefix("sha256:") for verdict in answer["verdicts"]]
    record = {"answer": known, "keys": list(keys), "manifest": sha256_file(manifest)}
    store.put_record(mark, {**record, "uses": {**NOTHING, "blobs": blobs}})


def remembered(store: Store, mark: str, manifest: Path) -> Answer | None:
    """Return the answer if images, statements and manifest are those that it is about."""
    record = store.record(mark)
    if record is None or not _holds(manifest, record["manifest"]):
        return None
    answer: Answer = record["answer"]
    statements = (verdict["statement"] for verdict in answer["verdicts"])
    sound = all(_holds(store.blob(digest), digest.removeprefix("sha256:")) for digest in statements)
    return answer if sound and all(result_of_key(store, key) for key in record["keys"]) else None


def _holds(path: Path, sha256: str) -> bool:
    try:
        return sha256_file(path) == sha256
    except OSError:
        return False
