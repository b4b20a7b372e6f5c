"""Images on their way: what is wanted, of which blobs it consists, and how the way ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scs_build.canonical import canonical_json, sha256_bytes
from scs_build.errors import IntegrityError, ScsBuildError, VerificationError
from scs_build.oci.image import MANIFEST_TYPE
from scs_build.oci.layout import LAYOUT_FILE, LAYOUT_VERSION, blob_path


@dataclass(frozen=True)
class Wanted:
    """An image that a manifest names: its digest, and the sizes of its layers by digest."""

    name: str
    digest: str
    layers: Mapping[str, int]


def size_of(images: Iterable[Wanted]) -> int:
    """Return what has to be moved at most: the bytes of all layers (all else is small)."""
    return sum(sum(image.layers.values()) for image in images)


@dataclass(frozen=True)
class Parts:
    """The blobs of one image: digests of its manifest and configuration, and the size of each by digest."""

    digest: str
    config: str
    sizes: Mapping[str, int]

    @property
    def size(self) -> int:
        """Bytes of all blobs together."""
        return sum(self.sizes.values())


@dataclass(frozen=True)
class Moved:
    """An image that is where it should be: `action` says whether anything was sent (or received) for it.

    `reference` names it by digest, `names` are those that stand for it now; `moved` bytes went over the wire,
    `skipped` were there already.
    """

    name: str
    digest: str
    reference: str
    action: str
    moved: int
    skipped: int
    seconds: float
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What arrived, what failed, and the seconds that all of it took."""

    images: tuple[Moved, ...]
    failures: Mapping[str, ScsBuildError] = field(default_factory=dict)
    seconds: float = 0.0


def parts_in(directory: Path, image: Wanted) -> Parts:
    """Read of which blobs an image of a layout consists; raises `VerificationError` when it is not there."""
    try:
        return parts_of(blob_path(directory, image.digest).read_bytes(), image.digest)
    except FileNotFoundError as error:
        raise VerificationError(
            f"{image.name}: {image.digest} is not in {directory}",
            solution="build it (`scs-build build`) or fetch it (`scs-build pull`)",
        ) from error
    except IntegrityError as error:
        raise _damaged(image.name, error.reason) from error


def parts_of(raw: bytes, digest: str) -> Parts:
    """Read an image's own manifest; raises `IntegrityError` when it is not what the digest stands for."""
    if (found := f"sha256:{sha256_bytes(raw)}") != digest:
        raise IntegrityError(f"instead of the manifest {digest} there are bytes with the digest {found}")
    try:
        document = json.loads(raw)
        blobs = [document["config"], *document["layers"]]
        sizes = {str(blob["digest"]): int(blob["size"]) for blob in blobs}
        return Parts(digest, str(document["config"]["digest"]), {**sizes, digest: len(raw)})
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{digest} is not the manifest of one image: {error!r}") from error


def check_blobs(image: Wanted, parts: Parts, problem: Callable[[str], str | None]) -> None:
    """Raise `VerificationError` for the first blob of an image about which `problem` has something to say."""
    for digest in parts.sizes:
        if found := problem(digest):
            raise _damaged(image.name, found)


def _damaged(name: str, problem: str) -> VerificationError:
    return VerificationError(
        f"{name}: {problem}", solution="`scs-build verify` names all that is damaged; build or pull it again"
    )


def write_pointer(directory: Path, parts: Parts) -> None:
    """Make a layout that consists of the name of one image; its blobs lie elsewhere."""
    descriptor: dict[str, Any] = {
        "mediaType": MANIFEST_TYPE, "digest": parts.digest, "size": parts.sizes[parts.digest],
    }  # fmt: skip
    directory.mkdir()
    (directory / LAYOUT_FILE).write_bytes(canonical_json({"imageLayoutVersion": LAYOUT_VERSION}))
    (directory / "index.json").write_bytes(canonical_json({"schemaVersion": 2, "manifests": [descriptor]}))
