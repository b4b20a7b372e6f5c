"""An image as its bytes are, whoever built it: its configuration, and every path that a container sees."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from scs_build.canonical import sha256_bytes
from scs_build.errors import Location, VerificationError
from scs_build.evidence.content import Item, file_contents, layer_items
from scs_build.oci.layout import blob_path
from scs_build.oci.order import WHITEOUT
from scs_build.oci.unpack import OPAQUE
from scs_build.store.store import Store
from scs_build.strict_json import JsonError, read_json

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Shipped:
    """An image by the digest of its manifest; what takes reading is read when first asked for.

    Its blobs lie in the OCI layout `layout`, without one in the store, which in either case remembers what
    layers hold. Every blob is held against its digest; one that is missing or something else raises
    `VerificationError`, where it is the store's `StoreError`.
    """

    store: Store
    digest: str
    layout: Path | None = None
    jobs: int = 1

    def blob(self, digest: str) -> Path:
        """Return where a blob of the image lies."""
        return blob_path(self.layout, digest) if self.layout else self.store.blob(digest)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The image manifest as the OCI specification has it: `config` and `layers` are descriptors."""
        found = self._document(self.digest)
        layers = found.get("layers")
        listed = [found.get("config"), *(layers if isinstance(layers, list) else [None])]
        if not all(isinstance(each, dict) and DIGEST.fullmatch(str(each.get("digest"))) for each in listed):
            raise VerificationError("is not the manifest of an image", where=self._place(self.digest))
        return found

    @cached_property
    def config(self) -> dict[str, Any]:
        """The image configuration as the OCI specification has it."""
        return self._document(self.manifest["config"]["digest"])

    @cached_property
    def layers(self) -> tuple[tuple[Item, ...], ...]:
        """What each layer holds, lowest first; layers of many images are read once."""
        with ThreadPoolExecutor(self.jobs) as pool:
            return tuple(pool.map(self._layer, self._digests))

    @cached_property
    def items(self) -> dict[str, Item]:
        """Every path of the image by its name, sorted: upper layers replace and remove those below."""
        merged: dict[str, Item] = {}
        for layer in self.layers:
            _lay(merged, layer)
        return dict(sorted(merged.items()))

    def contents(self, paths: Collection[str]) -> dict[str, bytes]:
        """Return the content of files by path; paths that are no files of the image are left out."""
        found: dict[str, bytes] = {}
        for items, digest in zip(self.layers, self._digests, strict=True):
            here = {item.path for item in items if item.path in paths and item.type == "file"}
            if here:
                found |= file_contents(self.blob(digest), here)
        return {path: content for path, content in found.items() if path in self.items}

    @property
    def _digests(self) -> Sequence[str]:
        return [layer["digest"] for layer in self.manifest["layers"]]

    def _layer(self, digest: str) -> tuple[Item, ...]:
        try:
            return layer_items(self.store, digest, self.blob(digest))
        except FileNotFoundError as error:
            raise VerificationError("a layer of the image is missing", where=self._place(digest)) from error

    def _document(self, digest: str) -> dict[str, Any]:
        try:
            data = self.blob(digest).read_bytes() if self.layout else self.store.read_bytes(digest)
            found = read_json(data)
        except FileNotFoundError as error:
            raise VerificationError("is missing", where=self._place(digest)) from error
        except JsonError as error:
            raise VerificationError(f"is not JSON: {error.reason}", where=self._place(digest)) from error
        if f"sha256:{sha256_bytes(data)}" != digest or not isinstance(found, dict):
            raise VerificationError(f"is not what {digest} names", where=self._place(digest))
        return found

    def _place(self, digest: str) -> Location:
        return Location(str(self.blob(digest)))


def _lay(merged: dict[str, Item], layer: tuple[Item, ...]) -> None:
    """Lay a layer over what is there."""
    for item in layer:
        parent, _, name = item.path.rpartition("/")
        if name.startswith(WHITEOUT):
            opaque = name == OPAQUE
            gone = parent if opaque else f"{parent}/{name.removeprefix(WHITEOUT)}".lstrip("/")
            for path in [p for p in merged if p.startswith(f"{gone}/") or (p == gone and not opaque)]:
                del merged[path]
    for item in layer:
        if item.path and not item.path.rpartition("/")[2].startswith(WHITEOUT):
            below = merged.get(item.path)
            if below is not None and below.type == "dir" and item.type != "dir":
                for path in [p for p in merged if p.startswith(f"{item.path}/")]:
                    del merged[path]
            merged[item.path] = item
