"""Where the lock of a component lies when layers hold recipes and locks over ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scs_build.locks.files import lock_path
from scs_build.recipes.component import Component

if TYPE_CHECKING:
    from scs_build.recipes.catalogue import Catalogue


def lock_of(component: Component, series: str) -> Path:
    """Return the lock that applies: the highest, from the layer of the recipe upwards.

    A recipe that replaces another needs a lock of its own, which may not be there.
    """
    own = lock_path(component.folder, series)
    above = (lock_path(folder.path, series) for folder in reversed(component.above))
    return next((path for path in above if path.exists()), own)


def lock_before(component: Component, series: str) -> Path:
    """Return the lock that locking begins with: the one that applies, else that of what is replaced."""
    paths = (lock_path(folder.path, series) for folder in reversed(component.folders))
    return next((path for path in paths if path.exists()), lock_of(component, series))


def lock_target(catalogue: Catalogue, component: Component, series: str) -> Path:
    """Return where locking writes: into the highest layer, else beside the recipe."""
    top = catalogue.layers[-1].folder / component.inside if catalogue.layers else component.folder
    return lock_path(top, series)
