"""Specifiers of a series for distributions that none of its images has: most often a name written wrongly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scs_build.inputs.asked import distribution
from scs_build.inputs.python.check import KINDS
from scs_build.locks.files import has_lock, read_own_lock
from scs_build.locks.layered import lock_of
from scs_build.locks.lock import series_images
from scs_build.recipes.explain import near_miss

if TYPE_CHECKING:
    from scs_build.recipes.catalogue import Catalogue


def idle_specifiers(catalogue: Catalogue, series: str, platform: str) -> list[str]:
    """Return a sentence with its place for each specifier that concerns nothing.

    None while an image has no lock: that may be the one with the distribution.
    """
    components = [catalogue.component(name) for name in sorted(series_images(catalogue, series))]
    paths = [lock_of(component, series) for component in components if component.recipe.kind != "tools"]
    if not all(has_lock(path, platform) for path in paths):
        return []
    locks = [read_own_lock(path, platform) for path in paths]
    held = {line.name for lock in locks for line in lock.artefacts if line.kind in KINDS}
    idle = [name for name in catalogue.series(series).components if distribution(name) not in held]
    return [_sentence(catalogue, series, name, sorted(held)) for name in idle]


def _sentence(catalogue: Catalogue, series: str, name: str, held: list[str]) -> str:
    where = catalogue.place_in_series(series, "components", name)
    near = near_miss(name, held)
    meant = f"; did you mean `{near}`?" if near else ""
    return f"{where}: no image of {series} has the distribution {name}: the specifier does nothing{meant}"
