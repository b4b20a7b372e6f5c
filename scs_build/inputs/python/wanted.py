"""What a recipe and its series want of Python distributions: requirements, constraints, what is compiled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from scs_build.errors import Location, RecipeError
from scs_build.inputs.python.environment import environment
from scs_build.inputs.python.requirements import Need, canonical, holds, parse

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from scs_build.inputs.locking import Context, Request

Wanted = dict[str, "Requirement"]


def wanted_of(request: Request, context: Context) -> Wanted:
    """Return the image's requirements by canonical name, with the specifiers of the series added."""
    python = request.recipe.python
    wanted = _by_name(python.requirements if python else (), request.where, context)
    for name, specifier in context.series.components.items():
        if requirement := wanted.get(canonical(name)):
            requirement.specifier &= parse(f"x{specifier}", request.where).specifier
    return wanted


def wanted_to_build(request: Request, context: Context) -> Wanted:
    """Return what the builds of the image's sdists require, by canonical name."""
    python = request.recipe.python
    return _by_name(python.build if python else (), request.where, context)


def compiled(request: Request) -> frozenset[str]:
    """Return the names of the distributions that come as sdist."""
    python = request.recipe.python
    return frozenset(canonical(name) for name in python.compile) if python else frozenset()


def limits_of(context: Context) -> Wanted:
    """Return which versions the series allows, whoever needs them: its constraints, and its specifiers."""
    limits = {name: limit for name, (limit, _) in constraint_places(context).items()}
    for specifier, _ in specifiers_of(context):
        known = limits.setdefault(canonical(specifier.name), specifier)
        if known is not specifier:
            known.specifier &= specifier.specifier
    return limits


def specifiers_of(context: Context) -> Iterator[tuple[Requirement, Location]]:
    """Yield the specifiers of the series, each with the place where it stands."""
    for name, specifier in context.series.components.items():
        where = context.specified_at(name)
        yield parse(f"{name}{specifier}", where), where


def constraint_places(context: Context) -> dict[str, tuple[Requirement, Location]]:
    """Return the upper constraints for the series' interpreter by canonical name, with their places.

    A line of a layer takes the place of the line of that name below.
    """
    paths = (context.folder / context.series.constraints, *context.constraints)
    return {name: (limit, at) for path in paths for name, limit, at in requirements_in(path, context)}


def requirements_in(path: Path, context: Context) -> Iterator[tuple[str, Requirement, Location]]:
    """Yield what a file requires of the series' interpreter: canonical name, requirement, place."""
    for number, text in constraint_lines(path):
        where = Location(str(path), number)
        if found := applies(text, where, context):
            yield canonical(found.name), found, where


def constraint_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file with constraints that say something, with their numbers."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError("these constraints cannot be read", where=Location(str(path))) from error
    for number, line in enumerate(lines, 1):
        if text := line.partition("#")[0].strip():
            yield number, text


def applies(text: str, where: Location, context: Context) -> Requirement | None:
    """Return a requirement without its marker if that holds for the series' interpreter."""
    return next(iter(_by_name([text], where, context).values()), None)


def needs(wanted: Wanted) -> list[Need]:
    """Return requirements in the form in which they are compared."""
    return [Need.of(requirement) for requirement in wanted.values()]


def _by_name(texts: Iterable[str], where: Location, context: Context) -> Wanted:
    """Return those that apply to the series' interpreter; two of one name become one."""
    values = environment(context.series.python, context.platform)
    found: Wanted = {}
    for text in texts:
        requirement = parse(text, where)
        if requirement.marker and not holds(requirement.marker, values):
            continue
        requirement.marker = None
        known = found.setdefault(canonical(requirement.name), requirement)
        if known is not requirement:
            known.extras |= requirement.extras
            known.specifier &= requirement.specifier
    return found
