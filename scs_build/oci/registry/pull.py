"""From a registry into a layout: exactly the digests asked for, every byte hashed before it counts."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from scs_build.canonical import sha256_file
from scs_build.errors import DiskFullError, IntegrityError, ScsBuildError, UnknownNameError
from scs_build.oci.layout import blob_path, blob_problem, has_reference, link_or_copy, write_layout
from scs_build.oci.registry.address import Place
from scs_build.oci.registry.images import Moved, Outcome, Parts, Wanted, parts_in, parts_of, size_of
from scs_build.oci.registry.meter import watched
from scs_build.oci.registry.skopeo import Skopeo
from scs_build.oci.registry.together import together
from scs_build.progress import Progress, Task
from scs_build.store.store import Store


def pull(
    images: Sequence[Wanted],
    place: Place,
    layout: Path,
    series: str,
    store: Store,
    skopeo: Skopeo,
    *,
    jobs: int = 2,
    progress: Progress,
) -> Outcome:
    """Bring images of a registry into a layout, as `NAME:SERIES`; return all outcomes.

    Blobs come through the store, where they stay: what the store or the layout holds is not received again,
    nor is what an interrupted call received. Other bytes than a digest stands for are an `IntegrityError` and
    reach neither. Raises `UnknownNameError` for an image that the registry does not have.
    """
    with progress.task("pull", size_of(images), "bytes") as task:
        way = _Way(place, layout, series, store, skopeo, task)
        return together(images, jobs, way.move, skopeo.stop)


@dataclass(frozen=True)
class _Way:
    place: Place
    layout: Path
    series: str
    store: Store
    skopeo: Skopeo
    task: Task

    def move(self, image: Wanted) -> Moved:
        """Bring one image into the layout."""
        began = time.monotonic()
        self.task.note(image.name)
        reference = f"{self.place.repository(image.name)}@{image.digest}"
        name = f"{image.name}:{self.series}"
        received = 0
        if (parts := self._there(image, name)) is None:
            parts = self._ask(reference, image)
            received = self._bring(reference, name, parts)
        else:
            self.task.advance(parts.size)
        action = "received" if received else "there"
        skipped, spent = parts.size - received, time.monotonic() - began
        return Moved(image.name, image.digest, reference, action, received, skipped, spent, (name,))

    def _bring(self, reference: str, name: str, parts: Parts) -> int:
        """Bring an image into the layout and return the bytes that had to come for that."""
        with self.store.use(*parts.sizes):
            missing = self._missing(parts)
            received = sum(parts.sizes[digest] for digest in missing)
            self.task.advance(parts.size - received)
            if missing:
                self.store.require_space(received)
                self._receive(reference, parts, missing)
            self._publish(name, parts)
        return received

    def _there(self, image: Wanted, name: str) -> Parts | None:
        """Return the parts of an image that the layout holds whole and under its name."""
        if not has_reference(self.layout, name, image.digest):
            return None
        try:
            parts = parts_in(self.layout, image)
        except ScsBuildError:
            return None
        return None if any(blob_problem(self.layout, digest) for digest in parts.sizes) else parts

    def _ask(self, reference: str, image: Wanted) -> Parts:
        raw = self.skopeo.raw(reference)
        if raw is None:
            raise UnknownNameError(
                f"{reference}: the registry does not have it",
                solution="check the name of the registry and the namespace, or push it there",
            )
        try:
            return parts_of(raw, image.digest)
        except IntegrityError as error:
            raise IntegrityError(f"{reference}: {error.reason}", solution=error.solution) from error

    def _missing(self, parts: Parts) -> list[str]:
        """Return the blobs that must come; damaged ones go, and what only the layout has the store gets."""
        missing = []
        for digest in parts.sizes:
            own = blob_path(self.layout, digest)
            if own.exists() and blob_problem(self.layout, digest):
                own.unlink(missing_ok=True)
            if not self.store.is_sound(digest):
                if own.exists():
                    self.store.add_file(own)
                else:
                    missing.append(digest)
        return missing

    def _publish(self, name: str, parts: Parts) -> None:
        try:
            write_layout(self.store, self.layout, {name: parts.digest})
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise DiskFullError(
                f"the disk of {self.layout} is full",
                solution="make room, or name another folder with --output",
            ) from error

    def _receive(self, reference: str, parts: Parts, missing: Iterable[str]) -> None:
        with self.store.scratch("pull") as room:
            blobs = room / "blobs" / "sha256"
            blobs.mkdir(parents=True)
            # All but the manifest: skopeo writes that one in place, and it would do so through the link.
            for digest in parts.sizes.keys() - {*missing, parts.digest}:
                link_or_copy(self.store.blob(digest), blobs / self.store.blob(digest).name)
            with self._adopting(blobs, missing), watched(room, self.task):
                self.skopeo.receive(reference, room / "layout", blobs.parent, parts.size)

    @contextmanager
    def _adopting(self, blobs: Path, missing: Iterable[str]) -> Iterator[None]:
        """Take what has come into the store, also when not all of it came."""
        try:
            yield
        finally:
            for digest in missing:
                path = blobs / self.store.blob(digest).name
                with suppress(FileNotFoundError), self.store.guard():
                    if sha256_file(path) == path.name:
                        self.store.adopt(path, path.name)
