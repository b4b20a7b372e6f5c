"""Which layers shape a component: those whose files are not what lies below them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scs_build.recipes.component import Component
from scs_build.recipes.layer import Layer

RECIPE = "recipe.yaml"


def layers_of(component: Component, series: str) -> tuple[Layer, ...]:
    """Return the layers that change a component in a series, lowest first; a mere copy changes nothing."""
    seen: dict[str, bytes] = {}
    found: list[Layer] = []
    for layer, folder in component.folders:
        own = dict(_content(folder, series))
        if layer is not None and any(seen.get(name) != data for name, data in own.items()):
            # A recipe takes the place of the whole component: what was changed below counts no more.
            found = [layer] if RECIPE in own else [*found, layer]
        seen |= own
    return tuple(found)


def _content(folder: Path, series: str) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a component's folder that concern a series."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and (not name.startswith("lock/") or name == f"lock/{series}.json"):
            yield name, path.read_bytes()
