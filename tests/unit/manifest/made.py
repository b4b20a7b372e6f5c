"""A layout with one small image, and its manifest."""

from __future__ import annotations

from pathlib import Path

from scs_build.manifest.manifest import (
    Content,
    Manifest,
    ManifestImage,
    ManifestLayer,
    content_digest,
    write_manifest,
)
from scs_build.oci.entry import Entry
from scs_build.oci.image import ImageConfig, write_image
from scs_build.oci.layer import write_layer
from scs_build.oci.layout import write_layout
from scs_build.store.store import Store


def make_manifest(store: Store, layout: Path) -> Manifest:
    """Write an image with two layers into the layout, by way of a store; return the manifest of it."""
    made = [write_layer(store, [Entry(name, "file", 0o644, content=name.encode())], 1) for name in ("a", "b")]
    image = write_image(store, ImageConfig(created="2026-04-01T00:00:00Z", platform="linux/amd64"), made)
    write_layout(store, layout, {"base:2026.1": image})
    layers = tuple(ManifestLayer(digest=x.digest, diff_id=x.diff_id, bytes=x.size) for x in made)
    line = ManifestImage(
        name="base", digest=image.digest, key="0" * 64, locks={}, unpacked_bytes=2, layers=layers
    )
    content = Content(series="2026.1", platform="linux/amd64", images=(line,))
    return Manifest(format=1, digest=content_digest(content), content=content)


def make_layout(output: Path) -> Path:
    """Make an output folder as a build leaves it; return the path of the manifest in it."""
    path = output / "2026.1.json"
    write_manifest(make_manifest(Store(output / "store"), output / "oci"), path)
    return path
