"""Whether a lock is what its recipe asks for: told in no time, so that every plan can ask.

`scs-build lock --check` proves more: versions, closure, nothing too much.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from scs_build.errors import Location, LockError
from scs_build.inputs.asked import (
    CHANNELS,
    COMPONENTS,
    SERIES,
    Difference,
    asked_of,
    differences,
    distribution,
)
from scs_build.inputs.kinds import TREES
from scs_build.inputs.stated import is_locked_as
from scs_build.locks.command import lock_command
from scs_build.locks.models import Lock

if TYPE_CHECKING:
    from scs_build.recipes.catalogue import Catalogue, Component
    from scs_build.recipes.document import Pointer
    from scs_build.recipes.models import Recipe

# So many differences are told one by one in an error.
TOLD = 8


def refuse_unfit(catalogue: Catalogue, component: Component, lock: Lock, below: Iterable[Lock]) -> None:
    """Raise `LockError` where a lock was made for another recipe or series, or lacks what is named."""
    if found := unlike(catalogue, component, lock):
        told = "".join(f"\n    {difference}" for difference in found[:TOLD])
        more = f"\n    and {len(found) - TOLD} more" if len(found) > TOLD else ""
        raise LockError(
            f"the lock of {component.name} in {lock.series} was made before this was changed:{told}{more}",
            where=place_of(catalogue, component, lock.series, found[0]),
            solution=f"run `{lock_command(catalogue, lock, whole=of_other_channels(found))}`",
        )
    _refuse_unlocked(catalogue, component, lock, below)


def unlike(catalogue: Catalogue, component: Component, lock: Lock) -> list[Difference]:
    """Return what is asked for now and was not when a lock was made, and the other way round.

    Nothing where the lock is of a format that does not say what it was made for.
    """
    if lock.asked is None:
        return []
    return differences(lock.asked, asked_of(component.recipe, catalogue.series(lock.series)))


def of_other_channels(found: Iterable[Difference]) -> bool:
    """Tell whether the series has another Debian or Python than before: that concerns all of its locks."""
    return any(difference.field in CHANNELS for difference in found)


def place_of(catalogue: Catalogue, component: Component, series: str, found: Difference) -> Location:
    """Return where a difference stands: the text that is new, else the field that lost one."""
    if found.field == COMPONENTS:
        wanted = distribution(found.texts[0])
        names = (name for name in catalogue.series(series).components if distribution(name) == wanted)
        return catalogue.place_in_series(series, "components", *names)
    if found.field.startswith(SERIES):
        return catalogue.place_in_series(series, *found.pointer)
    return component.where(*_pointer(component.recipe, found))


def _pointer(recipe: Recipe, found: Difference) -> Pointer:
    head, field = found.pointer
    if not (found.new and field):
        return found.pointer
    part = getattr(recipe, head)
    texts = part[field] if isinstance(part, dict) else getattr(part, field)
    return head, field, found.texts[0] if isinstance(texts, dict) else texts.index(found.texts[0])


def _refuse_unlocked(catalogue: Catalogue, component: Component, lock: Lock, below: Iterable[Lock]) -> None:
    """Raise `LockError` at the first thing that a recipe asks for and no lock here or `below` holds."""
    if component.recipe.kind in ("tools", "scaffold"):
        return
    locks = (lock, *below)
    debs = {name for each in locks for name in _packages(each)}
    wheels = {line.name for each in locks for kind in ("wheel", "sdist") for line in each.of_kind(kind)}
    for pointer, name, there in _named(component, debs, wheels):
        if not there:
            reason = f"{component.name} asks for {name}, and its lock of {lock.series} does not hold it"
            solution = f"run `{lock_command(catalogue, lock)}`"
            raise LockError(reason, where=component.where(*pointer), solution=solution)
    _refuse_other_inputs(catalogue, component, lock)


def _refuse_other_inputs(catalogue: Catalogue, component: Component, lock: Lock) -> None:
    """Raise `LockError` unless the files and trees of a lock are those that the recipe names, as it does."""
    held = {line.name: line for kind in TREES for line in lock.of_kind(kind)}
    for index, item in enumerate(component.recipe.inputs):
        line = held.pop(item.name, None)
        if line is None or not is_locked_as(line, item):
            told = "does not hold it" if line is None else "has it from another place or version"
            raise LockError(
                f"{component.name} asks for {item.name} {item.version}, and its lock of {lock.series} {told}",
                where=component.where("inputs", index),
                solution=f"run `{lock_command(catalogue, lock)}`",
            )
    for name in held:
        raise LockError(
            f"{component.name} does not ask for {name}, and its lock of {lock.series} holds it",
            where=component.where("inputs", key=True),
            solution=f"run `{lock_command(catalogue, lock)}`",
        )


def _named(component: Component, debs: set[str], wheels: set[str]) -> Iterator[tuple[Pointer, str, bool]]:
    """Yield what a recipe asks for by name: its place, its name, and whether it is there."""
    recipe = component.recipe
    for field in ("packages", "build"):
        for index, name in enumerate(getattr(recipe.debian, field)):
            yield ("debian", field, index), name, name in debs
    if recipe.python is not None:
        # What is in `compile` need not be needed: a recipe serves series that differ.
        for field in ("requirements", "build"):
            for index, text in enumerate(getattr(recipe.python, field)):
                # One with a marker may be for another platform.
                yield ("python", field, index), text, ";" in text or distribution(text) in wheels


def _packages(lock: Lock) -> Iterator[str]:
    """Yield the names of packages and of what they provide."""
    for line in lock.of_kind("deb"):
        yield line.name
        yield from (each.split()[0] for each in line.data.get("provides", "").split(",") if each.strip())
