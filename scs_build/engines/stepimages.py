"""Stacks of trees as images of a Docker daemon: each tree is sent once, those unused for long go.

An image is `scs-build-step:<chain id>`, so its name says what is in it. It has no other use than to be
what steps run on; `docker image rm` of any of them costs time only.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scs_build.canonical import canonical_json, sha256_bytes
from scs_build.engines.archive import file_member, in_pieces, member_header, padding, tree_archive
from scs_build.engines.daemon import refusal, talking
from scs_build.errors import EngineError
from scs_build.oci.image import platform_fields

if TYPE_CHECKING:
    from docker import APIClient

REPOSITORY = "scs-build-step"
# Trees of recipes that nobody works on any more; whoever comes back sends them again.
UNUSED = timedelta(days=14)
HINT = "a step's file system, made by scs-build; it may be removed at any time"


@dataclass(frozen=True)
class _Sent:
    """A tree as a layer: the directory, the `sha256:<hex>` of its archive, and the size of that."""

    tree: Path
    diff_id: str
    size: int


class StepImages:
    """The images of one daemon. Safe to use from many threads; `going_on` raises to end an upload."""

    def __init__(self, client: APIClient, platform: str, going_on: Callable[[], None]) -> None:
        self._client = client
        self._platform = platform
        self._going_on = going_on
        self._known: dict[Path, _Sent] = {}
        self._lock = threading.Lock()

    def image_of(self, layers: Sequence[Path]) -> str:
        """Return the name of an image of these trees, lowest first; what the daemon lacks is sent."""
        with self._lock:
            stack = [self._sent(layer) for layer in layers]
            names = [f"{REPOSITORY}:{chain}" for chain in chain_ids([sent.diff_id for sent in stack])]
            there = self._height(stack, names)
            if there < len(stack):
                self._load(stack, names, there)
            self._mark(names)
        return names[-1]

    def _mark(self, names: Sequence[str]) -> None:
        """Count the images as used now; that of lower trees alone may have been removed."""
        from docker.errors import NotFound

        for name in names:
            with talking("mark an image as used"), suppress(NotFound):
                self._client.tag(name, REPOSITORY, name.partition(":")[2])

    def _sent(self, tree: Path) -> _Sent:
        """Return a tree as a layer; read and hashed once in the life of this process."""
        known = self._known.get(tree)
        if known is None:
            if not tree.is_dir():
                raise EngineError(f"the tree {tree} is missing")
            sha256, size = hashlib.sha256(), 0
            for piece in tree_archive(tree):
                self._going_on()
                sha256.update(piece)
                size += len(piece)
            known = self._known[tree] = _Sent(tree, f"sha256:{sha256.hexdigest()}", size)
        return known

    def _height(self, stack: Sequence[_Sent], names: Sequence[str]) -> int:
        """Return how many of the lower trees the daemon has as an image."""
        for height in range(len(stack), 0, -1):
            if self._has(names[height - 1], [sent.diff_id for sent in stack[:height]]):
                return height
        return 0

    def _has(self, name: str, diff_ids: list[str]) -> bool:
        from docker.errors import NotFound

        with talking("look for an image"):
            try:
                found: dict[str, Any] = self._client.inspect_image(name)
            except NotFound:
                return False
        return bool(found["RootFS"].get("Layers") == diff_ids)

    def _load(self, stack: Sequence[_Sent], names: Sequence[str], there: int) -> None:
        """Send the trees above the lowest `there`, or all where the daemon wants all in one archive."""
        with talking("send the trees of a step"):
            problem = self._try(stack, names, there)
            if problem and there:
                problem = self._try(stack, names, 0)
        if problem:
            raise refusal(f"send the trees of a step: {problem}")

    def _try(self, stack: Sequence[_Sent], names: Sequence[str], there: int) -> str:
        """Send the trees above `there`; return what the daemon says against it."""
        archive = self._archive(stack, names, there)
        for event in self._client.load_image(archive, quiet=True):
            if problem := event.get("error") or event.get("message"):
                return str(problem)
        return ""

    def _archive(self, stack: Sequence[_Sent], names: Sequence[str], there: int) -> Iterator[bytes]:
        """Yield a docker-archive with an image of each height above `there`: others may stand on any."""
        for piece in in_pieces(self._archive_members(stack, names, there)):
            self._going_on()
            yield piece

    def _archive_members(self, stack: Sequence[_Sent], names: Sequence[str], there: int) -> Iterator[bytes]:
        index = []
        for height in range(there + 1, len(stack) + 1):
            below = [sent.diff_id for sent in stack[:height]]
            config = canonical_json(config_of(self._platform, below))
            name = f"{sha256_bytes(config)}.json"
            index.append({"Config": name, "RepoTags": [names[height - 1]], "Layers": list(map(_file, below))})
            yield file_member(name, config)
        yield file_member("manifest.json", json.dumps(index).encode())
        for sent in {sent.diff_id: sent for sent in stack[there:]}.values():
            yield member_header(_file(sent.diff_id), sent.size)
            yield from tree_archive(sent.tree)
            yield padding(sent.size)

    def remove_unused(self) -> None:
        """Remove the images that no step of any client has used for long; those in use stay."""
        from docker.errors import APIError

        with talking("look for images that nobody uses"):
            for image in self._client.images(name=REPOSITORY):
                used = self._client.inspect_image(image["Id"]).get("Metadata", {}).get("LastTagTime", "")
                for tag in image.get("RepoTags") or () if is_old(used) else ():
                    try:
                        self._client.remove_image(tag)
                    except APIError:  # a container stands on it, or somebody else was faster
                        continue


def chain_ids(diff_ids: Sequence[str]) -> Iterator[str]:
    """Yield for each height of a stack the hash that stands for it and all below (OCI's chain id)."""
    chain = ""
    for diff_id in diff_ids:
        chain = f"sha256:{sha256_bytes(f'{chain} {diff_id}'.encode())}" if chain else diff_id
        yield chain.removeprefix("sha256:")


def config_of(platform: str, diff_ids: Sequence[str]) -> dict[str, Any]:
    """Return the configuration of an image of these layers."""
    return {
        **platform_fields(platform),
        "config": {"Labels": {"org.opencontainers.image.description": HINT}},
        "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
    }


def is_old(used: str) -> bool:
    """Return whether a time such as `2026-01-31T12:00:00.123456789Z` is long ago; unknown is not."""
    try:
        then = datetime.fromisoformat(used[:19]).replace(tzinfo=UTC)
    except ValueError:
        return False
    return then.year > 1 and datetime.now(UTC) - then > UNUSED


def _file(diff_id: str) -> str:
    return f"{diff_id.removeprefix('sha256:')}.tar"
