"""Verification of a layout: every blob hashed, every name followed, nothing taken on trust."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from scs_build.canonical import sha256_file
from scs_build.errors import ScsBuildError
from scs_build.oci.layout import blob_path, read_layout, reference

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def verify_layout(directory: Path) -> list[str]:
    """Return what is wrong with a layout, in a fixed order; an empty list says that it is whole.

    Every blob is read and hashed, in threads; manifests and configurations must name what is there, in its
    size, and one diff id per layer.
    """
    try:
        index = read_layout(directory)
    except ScsBuildError as error:
        return [str(error)]
    folder = blob_path(directory, "")
    blobs = (
        sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []
    )
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        hashes = list(pool.map(sha256_file, blobs))
    wrong = {path.name: found for path, found in zip(blobs, hashes, strict=True) if path.name != found}
    problems = [
        f"{directory}: blob sha256:{name} has content sha256:{found}" for name, found in wrong.items()
    ]
    for descriptor in index["manifests"]:
        name = reference(descriptor) or str(descriptor.get("digest"))
        problems += [f"{directory}: {name}: {text}" for text in _image(directory, descriptor)]
    return problems


def _image(directory: Path, descriptor: Mapping[str, Any]) -> Iterator[str]:
    missing = list(_blob(directory, "manifest", descriptor))
    yield from missing
    if missing:
        return
    try:
        manifest = _json(directory, descriptor)
        config = manifest["config"]
        named = [("config", config), *(("layer", layer) for layer in manifest["layers"])]
    except (ValueError, KeyError, TypeError) as error:
        yield f"manifest {descriptor['digest']} is not an image manifest: {error!r}"
        return
    for what, blob in named:
        yield from _blob(directory, what, blob)
    if not list(_blob(directory, "config", config)):
        yield from _config(directory, config, len(manifest["layers"]))


def _config(directory: Path, descriptor: Mapping[str, Any], layers: int) -> Iterator[str]:
    try:
        ids = len(_json(directory, descriptor)["rootfs"]["diff_ids"])
    except (ValueError, KeyError, TypeError) as error:
        yield f"config {descriptor['digest']} is not an image configuration: {error!r}"
        return
    if ids != layers:
        yield f"config {descriptor['digest']} names {ids} diff ids, the manifest {layers} layers"


def _blob(directory: Path, what: str, descriptor: Any) -> Iterator[str]:
    """Yield why a descriptor does not lead to a blob of its size."""
    digest = descriptor.get("digest") if isinstance(descriptor, dict) else None
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        yield f"{what} has no sha256 digest: {digest!r}"
        return
    path = blob_path(directory, digest)
    if not path.is_file():
        yield f"{what} {digest} is missing"
    elif (size := path.stat().st_size) != descriptor.get("size"):
        yield f"{what} {digest} has {size} bytes instead of {descriptor.get('size')}"


def _json(directory: Path, descriptor: Mapping[str, Any]) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(blob_path(directory, descriptor["digest"]).read_bytes())
    return value
