"""The image that is looked at: its configuration, and every path that a container of it would see."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from scs_build.build.runnable import built_record
from scs_build.evidence.content import Item, file_contents, layer_items
from scs_build.oci.order import WHITEOUT
from scs_build.oci.unpack import OPAQUE
from scs_build.plan.graph import Graph
from scs_build.recipes.catalogue import Component
from scs_build.store.store import Store


@dataclass(frozen=True)
class Subject:
    """A built image under examination; what takes reading is read when first asked for."""

    graph: Graph
    store: Store
    name: str
    record: Mapping[str, Any] = field(repr=False)
    jobs: int = 1

    @classmethod
    def of(cls, graph: Graph, store: Store, name: str, jobs: int = 1) -> Subject:
        """Return the image as its recipe and lock now are; raises `UnknownNameError` when not built."""
        return cls(graph, store, name, built_record(graph, store, name), jobs)

    @property
    def digest(self) -> str:
        """Digest of the image manifest, `sha256:<hex>`."""
        return str(self.record["result"])

    @property
    def component(self) -> Component:
        """The component that the image was built for."""
        return self.graph.catalogue.component(self.name)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The image configuration as the OCI specification has it."""
        found: dict[str, Any] = json.loads(self.store.read_bytes(self.record["config"]))
        return found

    @cached_property
    def layers(self) -> tuple[tuple[Item, ...], ...]:
        """What each layer holds, lowest first; layers of many images are read once."""
        with ThreadPoolExecutor(self.jobs) as pool:
            read = lambda layer: layer_items(self.store, layer["digest"])  # noqa: E731
            return tuple(pool.map(read, self.record["layers"]))

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
        for items, layer in zip(self.layers, self.record["layers"], strict=True):
            here = {item.path for item in items if item.path in paths and item.type == "file"}
            if here:
                found |= file_contents(self.store, layer["digest"], here)
        return {path: content for path, content in found.items() if path in self.items}


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
