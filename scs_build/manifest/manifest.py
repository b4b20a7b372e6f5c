"""Manifests: written from a build, read strictly."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from scs_build.build.build import BuiltImage
from scs_build.canonical import digest_of, sha256_file
from scs_build.errors import FormatError, Location, ManifestError
from scs_build.files import NotRegularError, read_regular, write_whole
from scs_build.locks.layered import lock_of
from scs_build.oci.layout import locked
from scs_build.plan.graph import Graph
from scs_build.recipes.document import Document
from scs_build.recipes.explain import explain
from scs_build.recipes.models import NAME
from scs_build.strict_json import JsonError, read_json

FORMAT = 1
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Part(BaseModel):
    """Base of the parts of a manifest: frozen, no unknown field; files are read strictly."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ManifestLayer(Part):
    """A layer: compressed digest, digest of the tar, compressed size in bytes."""

    digest: Digest
    diff_id: Digest
    bytes: int = Field(ge=0)


class ManifestImage(Part):
    """An image: its digest, the key that all its inputs give, and the locks of its lineage by image.

    `origin` names the layers of recipes over ours that touch it, where there are any.
    """

    name: str
    digest: Digest
    key: Hash
    locks: dict[str, Hash]
    unpacked_bytes: int = Field(ge=0)
    layers: tuple[ManifestLayer, ...]
    origin: tuple[str, ...] = ()


class Content(Part):
    """What any builder must come to from the same recipes and locks."""

    series: str
    platform: str
    images: tuple[ManifestImage, ...]


class Evidence(Part):
    """A line of the evidence index: which check said of which image what, in which statement."""

    image: Annotated[str, StringConstraints(pattern=NAME)]
    check: Annotated[str, StringConstraints(pattern=NAME)]
    predicate_type: str
    digest: Digest
    ok: bool


class Manifest(Part):
    """A set of images with its evidence: `digest` is of the canonical JSON of `content`."""

    format: Literal[1]
    digest: Digest
    content: Content
    evidence: tuple[Evidence, ...] = ()

    def image(self, name: str) -> ManifestImage | None:
        """Return the image of this name, if the manifest has it."""
        return next((image for image in self.content.images if image.name == name), None)


def make_manifest(graph: Graph, images: Sequence[BuiltImage]) -> Manifest:
    """Return the manifest of images that were built from this graph."""
    content = Content(
        series=graph.series.name,
        platform=graph.platform,
        images=tuple(_image(graph, image) for image in sorted(images, key=lambda image: image.name)),
    )
    return Manifest(format=1, digest=content_digest(content), content=content)


def content_digest(content: Content) -> str:
    """Return the digest that stands for the content part."""
    return f"sha256:{digest_of(content_json(content))}"


def content_json(content: Content) -> dict[str, Any]:
    """Return the content part as it is written: without `origin` where there is none."""
    return content.model_dump(mode="json", exclude_defaults=True)


def _image(graph: Graph, image: BuiltImage) -> ManifestImage:
    lineage = graph.lineage(image.name)
    locks = {c.name: sha256_file(lock_of(c, graph.series.name)) for c in lineage}
    line = {k: v for k, v in image.to_json().items() if k not in ("action", "seconds")}
    return ManifestImage.model_validate({**line, "locks": locks})


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write a manifest so that a reader sees the old or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    value = {**manifest.model_dump(mode="json"), "content": content_json(manifest.content)}
    text = json.dumps(value, indent=2, sort_keys=True) + "\n"
    with locked(path.parent):  # two builds may end at the same time
        write_whole(path, text.encode())


def read_manifest(path: Path) -> Manifest:
    """Read a manifest; raises `ManifestError` or `FormatError` with the place and the field."""
    try:
        raw = read_regular(path)
        data = read_json(raw)
    except FileNotFoundError as error:
        raise ManifestError(
            "there is no such manifest", where=Location(str(path)), solution="`scs-build build` writes one"
        ) from error
    except JsonError as error:
        raise ManifestError(error.reason, where=Location(str(path), error.line, error.column)) from error
    except NotRegularError as error:
        raise ManifestError(str(error), where=Location(str(path))) from error
    except OSError as error:
        raise ManifestError(f"cannot be read: {error}", where=Location(str(path))) from error
    return _validated(data, raw, path)


def _validated(data: Any, raw: bytes, path: Path) -> Manifest:
    found = data.get("format") if isinstance(data, Mapping) else None
    if isinstance(found, bool):  # equals 1, which the model would take
        raise ManifestError("format: must be a whole number, not a boolean", where=Location(str(path)))
    if isinstance(found, int) and found > FORMAT:
        raise FormatError(
            f"format {found} is newer than {FORMAT}, the newest that this release reads",
            where=Location(str(path)),
            solution="use a newer scs-build",
        )
    try:
        # Strict validation takes a list for a tuple only where it comes from JSON.
        return Manifest.model_validate_json(raw, strict=True)
    except ValidationError as error:
        first, *_ = explain(error.errors(include_url=False), Manifest, Document())
        raise ManifestError(first.reason, where=Location(str(path))) from error
