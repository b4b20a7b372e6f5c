"""Batches: the layers of the graph of images, and what each of them depends on.

One job builds one batch, in every series: what the series share is then built once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from scs_build.recipes.catalogue import Catalogue
from scs_build.recipes.checks import build_order
from scs_build.recipes.component import Component

# A job costs a machine and its warm-up: the layers from the last one on share a job.
MOST_BATCHES = 4
# Every image stands on these, although no recipe names them.
GROUND = ("scaffold", "tools")


@dataclass(frozen=True)
class Batch:
    """The images of one job; `needs` are all components whose recipe or lock can change one of them."""

    number: int
    images: tuple[str, ...]
    needs: tuple[Component, ...]


def batches_of(catalogue: Catalogue) -> tuple[Batch, ...]:
    """Return the batches of all series, those that others stand on first; images sorted by name."""
    layers: dict[int, list[str]] = {}
    for name, layer in sorted(_layers(catalogue).items()):
        layers.setdefault(min(layer, MOST_BATCHES), []).append(name)
    return tuple(Batch(n, tuple(names), _needs(catalogue, names)) for n, names in sorted(layers.items()))


def _layers(catalogue: Catalogue) -> Mapping[str, int]:
    """Return the layer of each image of each series: 1 for one that stands on no other."""
    images = {
        name for series in catalogue.series_names for name in catalogue.images(catalogue.series(series))
    }

    @cache
    def layer(name: str) -> int:
        below = (other for other in build_order(catalogue.components, (name,)) if other != name)
        return 1 + max((layer(other) for other in below if other in images), default=0)

    return {name: layer(name) for name in images}


def _needs(catalogue: Catalogue, names: list[str]) -> tuple[Component, ...]:
    ground = (name for name, part in catalogue.components.items() if part.recipe.kind in GROUND)
    every = {*build_order(catalogue.components, names), *ground}
    return tuple(sorted((catalogue.component(name) for name in every), key=lambda part: part.shown))
