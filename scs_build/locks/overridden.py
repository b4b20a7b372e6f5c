"""Whether a lock still fits where a layer sets other constraints than the series has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from scs_build.errors import Location, LockError
from scs_build.inputs.locking import Context
from scs_build.locks.models import Lock
from scs_build.progress import Silent
from scs_build.recipes.models import Recipe
from scs_build.recipes.site import Site

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

    from scs_build.recipes.catalogue import Catalogue


class Limit(NamedTuple):
    """Which versions a layer allows, and where it says so; a `wish` concerns only what recipes ask for."""

    specifier: SpecifierSet
    where: Location
    wish: bool


Limits = tuple[tuple[str, Limit], ...]


def context_of(catalogue: Catalogue, series: str, platform: str) -> Context:
    """Return what checking without a network needs to know of a series."""
    return Context(
        series=catalogue.series(series), folder=catalogue.series_folder(series), platform=platform,
        site=Site(), work=Path(), progress=Silent(), constraints=catalogue.constraints(series),
    )  # fmt: skip


def layer_limits(catalogue: Catalogue, series: str, platform: str) -> Limits:
    """Return the limits that layers set for a series, with canonical names of distributions.

    Raises `RecipeError` at a line that is no requirement.
    """
    if not catalogue.additions(series):
        return ()
    from scs_build.inputs.python.requirements import canonical, parse
    from scs_build.inputs.python.wanted import requirements_in

    context = context_of(catalogue, series, platform)
    constraints = {
        name: Limit(requirement.specifier, where, False)
        for path in context.constraints
        for name, requirement, where in requirements_in(path, context)
    }
    wishes: dict[str, Limit] = {}
    for addition in catalogue.additions(series):
        for name, specifier in addition.content.components.items():
            where = addition.where("components", name)
            wishes[canonical(name)] = Limit(parse(f"x{specifier}", where).specifier, where, True)
    return (*constraints.items(), *wishes.items())


def refuse_overridden(lock: Lock, recipe: Recipe, limits: Limits) -> None:
    """Raise `LockError` when a layer's limit excludes a version of a lock: it has to be locked again."""
    if recipe.kind == "tools":  # tools follow no series
        return
    python = {line.name: line for kind in ("wheel", "sdist") for line in lock.of_kind(kind)}
    for name, limit in limits:
        line = python.get(name)
        if line is None or (limit.wish and "requirement" not in line.data):
            continue
        if not limit.specifier.contains(line.version, prereleases=True):
            raise LockError(
                f"{name}{limit.specifier} excludes {line.version}, to which {lock.image} is locked",
                where=limit.where,
                solution=f"run `scs-build lock {lock.image} --series {lock.series}` with the layer",
            )
