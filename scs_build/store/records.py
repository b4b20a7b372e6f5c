"""What a record of the store names: the blobs and trees that its step brought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Uses:
    """Hashes of blobs (64 digits) and keys of trees."""

    blobs: frozenset[str] = frozenset()
    trees: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """All of them."""
        return self.blobs | self.trees


def uses_of(record: Any) -> Uses:
    """Return what `record["uses"]` names; raises ValueError where it has not the form of a record."""
    if not isinstance(record, Mapping):
        raise ValueError("not an object")
    uses = record.get("uses", {})
    if not isinstance(uses, Mapping):
        raise ValueError("`uses` is not an object")
    blobs, trees = (_names(uses, part) for part in ("blobs", "trees"))
    return Uses(frozenset(name.removeprefix("sha256:") for name in blobs), trees)


def _names(uses: Mapping[str, Any], part: str) -> frozenset[str]:
    names = uses.get(part, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"`uses.{part}` is not a list of names")
    return frozenset(names)
