"""From a layout into a Docker daemon, where an image is known by the digest of its configuration."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from scs_build.engines.daemon import connect, refusal, talking
from scs_build.errors import TagError, VerificationError
from scs_build.oci.layout import blob_problem
from scs_build.oci.registry.archive import image_archive
from scs_build.oci.registry.images import Moved, Outcome, Parts, Wanted, check_blobs, parts_in, size_of
from scs_build.oci.registry.together import together
from scs_build.progress import Progress, Task

if TYPE_CHECKING:
    from docker import APIClient


def load(
    images: Sequence[Wanted],
    layout: Path,
    platform: str,
    repository: Callable[[str], str],
    tags: Sequence[str],
    *,
    move_tags: bool = False,
    jobs: int = 2,
    progress: Progress,
) -> Outcome:
    """Put images of a layout into the daemon, named `repository(NAME):TAG`; return all outcomes.

    What the daemon has is not sent again. A name that stands for another image is a `TagError` before
    anything is sent, unless `move_tags`; names are given when the image is there and is the right one.
    Raises `EngineError` when there is no daemon.
    """
    problem = cache(partial(blob_problem, layout))
    stopped = Event()
    with closing(connect(platform)) as client, progress.task("load", size_of(images), "bytes") as task:

        def move(image: Wanted) -> Moved:
            names = tuple(f"{repository(image.name)}:{tag}" for tag in dict.fromkeys(tags))
            way = _Way(client, layout, image, parts_in(layout, image), problem, task, stopped)
            return way.move(names, move_tags=move_tags)

        return together(images, jobs, move, stopped.set)


@dataclass(frozen=True)
class _Way:
    client: APIClient
    layout: Path
    image: Wanted
    parts: Parts
    problem: Callable[[str], str | None]
    task: Task
    stopped: Event

    def move(self, names: tuple[str, ...], *, move_tags: bool) -> Moved:
        """Bring the image into the daemon and give it its names."""
        began = time.monotonic()
        self.task.note(self.image.name)
        found = self._found()
        taken = {name: self._id(name) for name in names}
        others = {name: owner for name, owner in taken.items() if owner and owner != found}
        if others and not move_tags:
            raise _taken(others, self.parts)
        sent = 0 if found else self._send()
        identity = found or self._checked()
        with talking(f"name {self.image.name}"):
            for name in names:
                if taken[name] != identity:
                    repository, _, tag = name.rpartition(":")
                    self.client.tag(identity, repository, tag)
        action = "sent" if sent else "named" if set(taken.values()) != {identity} else "there"
        spent = time.monotonic() - began
        skipped = self.parts.size - sent
        if not sent:
            self.task.advance(skipped)
        return Moved(self.image.name, self.image.digest, identity, action, sent, skipped, spent, names)

    def _found(self) -> str | None:
        """Return the image's id in the daemon.

        That is the digest of its configuration; where containerd keeps the images, that of its manifest.
        """
        return self._id(self.parts.config) or self._id(self.parts.digest)

    def _id(self, name: str) -> str | None:
        from docker.errors import ImageNotFound

        with talking(f"look for {name}"):
            try:
                return str(self.client.inspect_image(name)["Id"])
            except ImageNotFound:
                return None

    def _send(self) -> int:
        check_blobs(self.image, self.parts, self.problem)
        with talking(f"load {self.image.name}"):
            for message in self.client.load_image(self._told(), quiet=True):
                if "error" in message:
                    raise refusal(f"load {self.image.name}: {message['error']}")
        return self.parts.size

    def _told(self) -> Iterator[bytes]:
        for piece in image_archive(self.layout, self.image.digest):
            if self.stopped.is_set():
                raise CancelledError
            self.task.advance(len(piece))
            yield piece

    def _checked(self) -> str:
        identity = self._found()
        if identity is None:
            raise VerificationError(
                f"{self.image.name}: the daemon loaded it, and has no image {self.parts.config}",
                solution="report this with the output of `docker version`",
            )
        return identity


def _taken(others: dict[str, str], parts: Parts) -> TagError:
    listed = ", ".join(f"{name} for {owner}" for name, owner in others.items())
    return TagError(
        f"in the daemon stands {listed}, not for {parts.config}",
        solution="take another name with --tag or --as, or move it with --move-tag",
    )
