"""From a layout into a registry: by digest first, and when that is verified, the tags."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from scs_build.canonical import sha256_bytes
from scs_build.errors import IntegrityError, TagError
from scs_build.oci.layout import blob_path, blob_problem
from scs_build.oci.registry.address import Place
from scs_build.oci.registry.images import (
    Moved,
    Outcome,
    Parts,
    Wanted,
    check_blobs,
    parts_in,
    size_of,
    write_pointer,
)
from scs_build.oci.registry.meter import Meter
from scs_build.oci.registry.skopeo import Skopeo
from scs_build.oci.registry.together import together
from scs_build.progress import Progress


def push(
    images: Sequence[Wanted],
    layout: Path,
    place: Place,
    tags: Sequence[str],
    skopeo: Skopeo,
    *,
    move_tags: bool = False,
    jobs: int = 2,
    progress: Progress,
) -> Outcome:
    """Put images of a layout into a registry and let `tags` stand for them; return all outcomes.

    What the registry has is not sent again; an image whose tags stand for it already costs a question per
    tag. A tag that stands for another image is a `TagError` before anything of this image is sent, unless
    `move_tags`. Registries have no way to set a tag only if nobody else does so meanwhile: of two who set
    the same new tag at the same time, the later wins. A damaged blob of the layout is a `VerificationError`.
    """
    # Images share blobs: each is read and hashed once.
    problem = cache(partial(blob_problem, layout))
    way = _Way(layout, place, tuple(dict.fromkeys(tags)), skopeo, move_tags, problem, progress)
    with progress.task("push", size_of(images), "bytes") as task:

        def move(image: Wanted) -> Moved:
            task.note(image.name)
            parts = parts_in(layout, image)
            return way.move(image, parts, Meter(parts, task))

        return together(images, jobs, move, skopeo.stop)


@dataclass(frozen=True)
class _Way:
    layout: Path
    place: Place
    tags: tuple[str, ...]
    skopeo: Skopeo
    move_tags: bool
    problem: Callable[[str], str | None]
    progress: Progress

    def move(self, image: Wanted, parts: Parts, meter: Meter) -> Moved:
        """Bring one image to where it should be."""
        began = time.monotonic()
        repository = self.place.repository(image.name)
        reference = f"{repository}@{image.digest}"
        behind = self._behind(repository, image)
        # Where one tag stands for the image, the image is there.
        if len(behind) == len(self.tags) and self.skopeo.raw(reference) is None:
            check_blobs(image, parts, self.problem)
            self._send(reference, parts, meter)
            meter.heard(parts.digest, True)
        if behind:
            # Read by digest, manifest and configuration cannot be others unnoticed; the layers were hashed by
            # the registry as they came.
            _compare(reference, self.skopeo.raw(reference, config=True), parts.config)
        for tag in behind:
            name = f"{repository}:{tag}"
            self._send(name, parts, meter)
            _compare(name, self.skopeo.raw(name), parts.digest)
        meter.finish()
        action = "sent" if meter.moved else "tagged" if behind else "there"
        names = tuple(f"{repository}:{tag}" for tag in self.tags)
        spent = time.monotonic() - began
        return Moved(image.name, image.digest, reference, action, meter.moved, meter.skipped, spent, names)

    def _behind(self, repository: str, image: Wanted) -> list[str]:
        """Return the tags that do not stand for the image yet; raises `TagError` for those of others."""
        behind = []
        for tag in self.tags:
            name = f"{repository}:{tag}"
            raw = self.skopeo.raw(name)
            found = f"sha256:{sha256_bytes(raw)}" if raw is not None else None
            if found == image.digest:
                continue
            if found and not self.move_tags:
                raise TagError(
                    f"{name} stands for {found}, not for {image.digest}",
                    solution="take another tag with --tag, or move this one with --move-tag",
                )
            if found:
                self.progress.say(f"{name} stood for {found}")
            behind.append(tag)
        return behind

    def _send(self, reference: str, parts: Parts, meter: Meter) -> None:
        pointer = self.skopeo.new_folder()
        write_pointer(pointer, parts)
        self.skopeo.send(pointer, blob_path(self.layout, "").parent, reference, parts.size, meter.heard)


def _compare(reference: str, raw: bytes | None, digest: str) -> None:
    found = f"sha256:{sha256_bytes(raw)}" if raw is not None else "nothing"
    if found != digest:
        raise IntegrityError(
            f"{reference}: after it was sent, the registry has {found} where {digest} should be",
            solution="run the same command again; if it stays so, do not use this registry",
        )
