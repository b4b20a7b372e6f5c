"""Verification without a network: does a layout hold, byte for byte, what a manifest says?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from scs_build.canonical import sha256_bytes
from scs_build.errors import ScsBuildError
from scs_build.manifest.manifest import Manifest, ManifestImage, content_digest
from scs_build.oci.layout import blob_path, blob_problem, read_layout, references

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


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
        wrong = dict(zip(wanted, pool.map(lambda digest: blob_problem(layout, digest), wanted), strict=True))
    for image in manifest.content.images:
        problems += [f"{image.name}: {wrong[blob]}" for blob in _blobs(image, layout) if wrong[blob]]
        problems += [f"{image.name}: {text}" for text in inconsistencies(image, layout)]
    return problems + _unreadable(manifest, layout)


def unlisted(manifest: Manifest, layout: Path) -> dict[str, str | None]:
    """Return the images that the index of a layout does not list, each with the digest of its name there.

    There is such a one where a part of the series was built after the manifest was written. Raises as
    `read_layout` does.
    """
    listed = {entry["digest"] for entry in read_layout(layout)["manifests"]}
    named, series = references(layout), manifest.content.series
    missing = (image for image in manifest.content.images if image.digest not in listed)
    return {image.name: named.get(f"{image.name}:{series}") for image in missing}


def _unreadable(manifest: Manifest, layout: Path) -> list[str]:
    """Return why other programs cannot find the images in the layout."""
    try:
        missing = unlisted(manifest, layout)
    except ScsBuildError as error:
        return [str(error)]
    return [f"{name}: {_instead(other)}" for name, other in missing.items()]


def _instead(other: str | None) -> str:
    if other is None:
        return "the index of the layout does not list it"
    return f"the layout has another image of that name, {other}, built since the manifest was written"


def _blobs(image: ManifestImage, layout: Path) -> Iterator[str]:
    yield image.digest
    document = _document(layout, image.digest)
    if config := _config(document):
        yield config
    for layer in image.layers:
        yield layer.digest


def _document(layout: Path, digest: str) -> dict[str, Any] | None:
    """Return a JSON object of the layout; None when it is missing or damaged, which is told elsewhere."""
    try:
        data = blob_path(layout, digest).read_bytes()
        found = json.loads(data)
    except (OSError, ValueError, RecursionError):
        return None
    sound = f"sha256:{sha256_bytes(data)}" == digest
    return found if sound and isinstance(found, dict) else None


def _config(document: dict[str, Any] | None) -> str | None:
    """Return the digest of an image's configuration, if the image's manifest names one."""
    config = (document or {}).get("config")
    digest = config.get("digest") if isinstance(config, dict) else None
    return digest if isinstance(digest, str) and DIGEST.fullmatch(digest) else None


def _layers(document: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Return digest and size of each layer, as far as the document has the form of an image's manifest."""
    layers = document.get("layers")
    found = [layer for layer in layers if isinstance(layer, dict)] if isinstance(layers, list) else []
    return [(layer.get("digest"), layer.get("size")) for layer in found]


def inconsistencies(image: ManifestImage, layout: Path) -> list[str]:
    """Return where the image's own documents say of its layers something else than the manifest."""
    document = _document(layout, image.digest)
    if document is None:
        return []
    problems = []
    if _layers(document) != [(layer.digest, layer.bytes) for layer in image.layers]:
        problems.append("the image's layers are not those that the manifest names")
    digest = _config(document)
    config = _document(layout, digest) if digest else None
    root = config.get("rootfs") if config else None
    diff_ids = root.get("diff_ids") if isinstance(root, dict) else None
    if digest is None or (config is not None and diff_ids != [x.diff_id for x in image.layers]):
        problems.append("the image's diff ids are not those that the manifest names")
    return problems
