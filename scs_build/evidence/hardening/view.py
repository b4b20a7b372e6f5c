"""An image as the rules see it: its paths, what its user may do with them, what its recipe declares."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from scs_build.errors import ResultError
from scs_build.evidence.content import Item
from scs_build.evidence.subject import Subject
from scs_build.inside import resolve
from scs_build.recipes.models import Service

NUMBERS = 2
EXECUTE = 0o111


class Found(NamedTuple):
    """What a rule found: where (a path without leading slash; empty: the configuration), and what."""

    path: str
    text: str


@dataclass(frozen=True)
class View:
    """`config` is the image configuration; `services` are those that the recipe declares."""

    items: Mapping[str, Item]
    config: Mapping[str, Any]
    services: Mapping[str, Service] = field(default_factory=dict)

    @classmethod
    def of(cls, subject: Subject) -> View:
        """Return the view of an image."""
        return cls(subject.items, subject.config, subject.component.recipe.services)

    @property
    def runtime(self) -> Mapping[str, Any]:
        """The part of the configuration that says how a container starts."""
        found: Mapping[str, Any] = self.config.get("config") or {}
        return found

    @cached_property
    def user(self) -> tuple[int, int]:
        """The numbers of the image's user and group; root where it does not say numbers."""
        parts = str(self.runtime.get("User", "")).split(":")
        numbers = [int(part) for part in parts if part.isdecimal()]
        return (numbers[0], numbers[1]) if len(numbers) == len(parts) == NUMBERS else (0, 0)

    @cached_property
    def declared(self) -> tuple[str, ...]:
        """The paths that services may write to: declared as writable, or as volumes."""
        paths = [path for s in self.services.values() for path in (*s.writable, *s.volumes)]
        return tuple(path.strip("/") for path in (*paths, *(self.runtime.get("Volumes") or {})))

    @cached_property
    def startable(self) -> tuple[Item, ...]:
        """The executable files, and all links: some lead to one."""
        return tuple(
            item
            for item in self.items.values()
            if item.type == "link" or (item.type in ("file", "hardlink") and item.mode & EXECUTE)
        )

    @cached_property
    def machine_code(self) -> tuple[Item, ...]:
        """The programs and libraries."""
        code = (item for item in self.items.values() if item.traits.get("kind") == "elf")
        return tuple(item for item in code if "object" not in item.traits["elf"])

    @cached_property
    def compiled(self) -> frozenset[str]:
        """The files of distributions that were compiled for this image, as they say themselves."""
        found: set[str] = set()
        for item in self.items.values():
            if item.traits.get("kind") == "wheel" and item.traits["compiled"]:
                folder = item.path.rpartition("/")[0]
                record = self.items.get(f"{folder}/RECORD")
                names = record.traits.get("binaries", ()) if record else ()
                found.update(posixpath.normpath(f"{folder}/../{name}") for name in names)
        return frozenset(found)

    def is_declared(self, path: str) -> bool:
        """Return whether a path is one that services may write to, or below one."""
        return any(path == folder or path.startswith(f"{folder}/") for folder in self.declared)

    def resolved(self, path: str) -> Item | None:
        """Return what a path leads to, links followed inside the image; None when nothing is there."""
        try:
            return self.items.get(resolve(path.strip("/"), self._link_at))
        except ResultError:  # links in a circle
            return None

    def may(self, item: Item, bit: int) -> bool:
        """Return whether the user may read (4), write (2) or execute (1) an item, its folders aside."""
        uid, gid = self.user
        shift = 6 if item.uid == uid else 3 if item.gid == gid else 0
        return bool(item.mode >> shift & bit)

    def may_execute(self, item: Item) -> bool:
        """Return whether the user may execute a file, and search the folders on the way to it."""
        parts = item.path.split("/")
        parents = ("/".join(parts[:end]) for end in range(1, len(parts)))
        folders = (self.items[parent] for parent in parents if parent in self.items)
        return self.may(item, 1) and all(self.may(folder, 1) for folder in folders)

    def may_change(self, item: Item) -> bool:
        """Return whether the user may write an item, or as its owner could come to.

        Root may change everything, which is for the rule about users to say.
        """
        uid = self.user[0]
        return bool(uid) and item.type != "link" and (item.uid == uid or self.may(item, 2))

    def _link_at(self, path: str) -> str | None:
        item = self.items.get(path)
        return item.link if item is not None and item.type == "link" else None
