"""Whether a lock holds what its recipe asks for: by name, in no time, so that every plan can ask.

`scs-build lock --check` proves more: versions, closure, nothing too much.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from scs_build.errors import LockError

if TYPE_CHECKING:
    from scs_build.locks.models import Lock
    from scs_build.recipes.catalogue import Component
    from scs_build.recipes.document import Pointer

SEPARATORS = re.compile(r"[-_.]+")
DISTRIBUTION = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def refuse_unlocked(component: Component, lock: Lock, below: Iterable[Lock]) -> None:
    """Raise `LockError` at the first thing that a recipe asks for and no lock here or `below` holds."""
    recipe = component.recipe
    if recipe.kind in ("tools", "scaffold"):
        return
    locks = (lock, *below)
    debs = {name for each in locks for name in _packages(each)}
    wheels = {line.name for each in locks for kind in ("wheel", "sdist") for line in each.of_kind(kind)}
    own = {line.name for kind in ("url", "git") for line in lock.of_kind(kind)}
    for pointer, name, there in _asked(component, debs, wheels, own):
        if not there:
            raise LockError(
                f"{component.name} asks for {name}, and its lock of {lock.series} does not hold it",
                where=component.where(*pointer),
                solution=f"run `scs-build lock {component.name} --series {lock.series}`",
            )


def _asked(
    component: Component, debs: set[str], wheels: set[str], own: set[str]
) -> Iterator[tuple[Pointer, str, bool]]:
    """Yield what a recipe asks for: its place, its name, and whether it is there."""
    recipe = component.recipe
    for field in ("packages", "build"):
        for index, name in enumerate(getattr(recipe.debian, field)):
            yield ("debian", field, index), name, name in debs
    if recipe.python is not None:
        for field in ("requirements", "compile", "build"):
            for index, text in enumerate(getattr(recipe.python, field)):
                # One with a marker may be for another platform.
                yield ("python", field, index), text, ";" in text or _canonical(text) in wheels
    for index, each in enumerate(recipe.inputs):
        yield ("inputs", index), each.name, each.name in own


def _packages(lock: Lock) -> Iterator[str]:
    """Yield the names of packages and of what they provide."""
    for line in lock.of_kind("deb"):
        yield line.name
        yield from (each.split()[0] for each in line.data.get("provides", "").split(",") if each.strip())


def _canonical(requirement: str) -> str:
    found = DISTRIBUTION.match(requirement)
    return SEPARATORS.sub("-", found[1]).lower() if found else ""
