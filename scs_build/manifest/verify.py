"""Verification without a network: does a layout hold, byte for byte, what a manifest says?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from scs_build.canonical import sha256_file
from scs_build.manifest.manifest import Manifest, ManifestImage, content_digest
from scs_build.oci.layout import blob_path


def verify_manifest(manifest: Manifest, layout: Path, jobs: int = 2) -> list[str]:
    """Return what differs, first things first; empty when all of it holds.

    `layout` is an OCI layout directory. Every blob is read and hashed once.
    """
    problems = []
    if content_digest(manifest.content) != manifest.digest:
        problems.append(
            f"the manifest's content has the digest {content_digest(manifest.content)}, not {manifest.digest}"
        )
    wanted = dict.fromkeys(blob for image in manifest.content.images for blob in _blobs(image, layout))
    with ThreadPoolExecutor(jobs) as pool:
        wrong = dict(zip(wanted, pool.map(lambda digest: _wrong(layout, digest), wanted), strict=True))
    for image in manifest.content.images:
        problems += [f"{image.name}: {wrong[blob]}" for blob in _blobs(image, layout) if wrong[blob]]
        problems += [f"{image.name}: {text}" for text in _inconsistent(image, layout)]
    return problems


def _blobs(image: ManifestImage, layout: Path) -> Iterator[str]:
    yield image.digest
    document = _document(layout, image.digest)
    config = document.get("config", {}).get("digest") if document else None
    if config:
        yield config
    for layer in image.layers:
        yield layer.digest


def _document(layout: Path, digest: str) -> dict[str, Any] | None:
    try:
        found = json.loads(blob_path(layout, digest).read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _wrong(layout: Path, digest: str) -> str | None:
    path = blob_path(layout, digest)
    try:
        found = f"sha256:{sha256_file(path)}"
    except FileNotFoundError:
        return f"{digest} is not in the layout"
    except OSError as error:
        return f"{digest} cannot be read: {error.strerror}"
    return None if found == digest else f"the file of {digest} has the digest {found}"


def _inconsistent(image: ManifestImage, layout: Path) -> list[str]:
    """Compare what the image's own documents say of its layers with what the manifest says."""
    document = _document(layout, image.digest)
    if document is None:
        return []
    problems = []
    layers = [(layer.get("digest"), layer.get("size")) for layer in document.get("layers", [])]
    if layers != [(layer.digest, layer.bytes) for layer in image.layers]:
        problems.append("the image's layers are not those that the manifest names")
    config = _document(layout, document.get("config", {}).get("digest", "sha256:"))
    if config is not None and config.get("rootfs", {}).get("diff_ids") != [x.diff_id for x in image.layers]:
        problems.append("the image's diff ids are not those that the manifest names")
    return problems
