"""Puts together what locking or checking one image needs: its recipe and the locks that it stands on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from scs_build.inputs.artefact import Artefact
from scs_build.inputs.locking import Request

if TYPE_CHECKING:
    from scs_build.recipes.catalogue import Catalogue

Lines = Callable[[str], tuple[Artefact, ...]]


def request_for(catalogue: Catalogue, name: str, lines: Lines) -> Request:
    """Return the request of an image; `lines` returns the present lock lines of any other."""
    component = catalogue.component(name)
    recipe = component.recipe
    below = stands_on(catalogue, name)
    builders = catalogue.lineage(recipe.builder) if recipe.builder else ()
    parents = catalogue.lineage(name)[:-1]
    return Request(
        component=component,
        base=_all((image for image in below if catalogue.component(image).recipe.kind == "scaffold"), lines),
        parents=_all(parents, lines),
        builders=_all((image for image in builders if image not in parents), lines),
        locked=lines(name),
    )


def stands_on(catalogue: Catalogue, name: str) -> tuple[str, ...]:
    """Return the images whose locks an image's lock depends on, lowest first: scaffold, parents, builder."""
    recipe = catalogue.component(name).recipe
    if recipe.kind in ("scaffold", "tools"):
        return ()
    scaffolds = sorted(n for n, c in catalogue.components.items() if c.recipe.kind == "scaffold")
    builders = catalogue.lineage(recipe.builder) if recipe.builder else ()
    return tuple(dict.fromkeys((*scaffolds, *catalogue.lineage(name)[:-1], *builders)))


def _all(names: Iterable[str], lines: Lines) -> tuple[Artefact, ...]:
    return tuple(line for name in names for line in lines(name))
