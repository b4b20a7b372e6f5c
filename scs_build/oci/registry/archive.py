"""An image as the one archive that every Docker daemon loads, made while it is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scs_build.canonical import canonical_json
from scs_build.oci.entry import Entry
from scs_build.oci.header import header
from scs_build.oci.image import MANIFEST_TYPE
from scs_build.oci.layout import INDEX_TYPE, LAYOUT_FILE, LAYOUT_VERSION, blob_path
from scs_build.tar import END, padding

PIECE = 1 << 20


def image_archive(layout: Path, digest: str, name: str = "") -> Iterator[bytes]:
    """Yield a tar archive of the image `digest` of a layout, piece by piece; layers stay compressed.

    It is an OCI layout with the table of contents of `docker save` beside it, as Docker itself writes it
    since release 25: older daemons read that table, newer ones the layout. It names no tag, unless it is to
    have one from its first moment: `name`, a repository of no registry and a tag. The blobs must be there and
    sound.
    """
    raw = blob_path(layout, digest).read_bytes()
    manifest = json.loads(raw)
    blobs = [manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])]
    config, *layers = (_member(blob) for blob in blobs)
    descriptor: dict[str, Any] = {"mediaType": MANIFEST_TYPE, "digest": digest, "size": len(raw)}
    if name:
        descriptor["annotations"] = {"io.containerd.image.name": f"docker.io/library/{name}"}
    documents: dict[str, Any] = {
        LAYOUT_FILE: {"imageLayoutVersion": LAYOUT_VERSION},
        "index.json": {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [descriptor]},
        "manifest.json": [{"Config": config, "RepoTags": [name] if name else None, "Layers": layers}],
    }
    for name, document in documents.items():
        yield from _file(name, canonical_json(document))
    for blob in dict.fromkeys((digest, *blobs)):
        yield from _file(_member(blob), blob_path(layout, blob))
    yield END


def _member(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _file(name: str, content: bytes | Path) -> Iterator[bytes]:
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    yield header(Entry(name, "file", 0o644), size)
    if isinstance(content, bytes):
        yield content
    else:
        with content.open("rb") as stream:
            while piece := stream.read(PIECE):
                yield piece
    if gap := padding(size):
        yield bytes(gap)
