"""Paths of an image as its links lead them."""

from __future__ import annotations

from collections.abc import Mapping

from scs_build.evidence.content import Item
from scs_build.inside import resolve


def real_path(items: Mapping[str, Item], path: str, *, last: bool = True) -> str:
    """Return where a path (without a leading slash) leads, links followed inside of the image.

    Without `last` only the links among its parents are followed, not one at its end.
    """

    def link_at(inside: str) -> str | None:
        item = items.get(inside)
        return item.link if item and item.type == "link" else None

    if last:
        return resolve(path, link_at)
    parent, _, name = path.rpartition("/")
    real = resolve(parent, link_at)
    return f"{real}/{name}" if real else name
