"""The image that is looked at: what it was built for, and what is in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from scs_build.build.runnable import built_record
from scs_build.evidence.content import Item
from scs_build.evidence.shipped import Shipped
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
    def shipped(self) -> Shipped:
        """The image as its bytes in the store are."""
        return Shipped(self.store, self.digest, jobs=self.jobs)

    @property
    def config(self) -> dict[str, Any]:
        """The image configuration as the OCI specification has it."""
        return self.shipped.config

    @property
    def layers(self) -> tuple[tuple[Item, ...], ...]:
        """What each layer holds, lowest first; layers of many images are read once."""
        return self.shipped.layers

    @property
    def items(self) -> dict[str, Item]:
        """Every path of the image by its name, sorted: upper layers replace and remove those below."""
        return self.shipped.items

    def contents(self, paths: Collection[str]) -> dict[str, bytes]:
        """Return the content of files by path; paths that are no files of the image are left out."""
        return self.shipped.contents(paths)
