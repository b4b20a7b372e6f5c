"""Whether a lock still fits the versions that its series, and layers over it, allow: asked by every plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from scs_build.errors import Location, LockError, RecipeError
from scs_build.inputs.asked import distribution
from scs_build.inputs.locking import Context
from scs_build.inputs.python.wanted import applies, constraint_lines
from scs_build.locks.command import lock_command
from scs_build.locks.models import Lock
from scs_build.progress import Silent
from scs_build.recipes.requirement import pinned
from scs_build.recipes.site import Site

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

    from scs_build.inputs.artefact import Artefact
    from scs_build.recipes.catalogue import Catalogue


class Constraint(NamedTuple):
    """A line of a file with constraints, not parsed yet; `pinned` is the only version that it allows."""

    text: str
    pinned: str | None
    where: Location


class Limits:
    """The constraints of a series on one platform, those of layers last, and its specifiers.

    Reading raises `RecipeError` at a line that is no requirement.
    """

    def __init__(self, catalogue: Catalogue, series: str, platform: str) -> None:
        self._catalogue = catalogue
        self._context = context = context_of(catalogue, series, platform)
        self._specified: dict[str, list[str]] = {}
        for name in context.series.components:
            self._specified.setdefault(distribution(name), []).append(name)
        self._lines: dict[str, list[Constraint]] = {}
        for path in (context.folder / context.series.constraints, *context.constraints):
            for line in _constraints(path, str(catalogue.shown(path))):
                self._lines.setdefault(distribution(line.text), []).append(line)

    def refuse(self, lock: Lock) -> None:
        """Raise `LockError` when a version of a lock is excluded: it has to be locked again."""
        for kind in ("wheel", "sdist"):
            for line in lock.of_kind(kind):
                for name, specifier, where in self._of(line, told=lock.asked is not None):
                    if not specifier.contains(line.version, prereleases=True):
                        raise LockError(
                            f"{name}{specifier} excludes {line.version}, to which {lock.image} is locked",
                            where=where,
                            solution=f"run `{lock_command(self._catalogue, lock)}`",
                        )

    def _of(self, line: Artefact, *, told: bool) -> Iterator[tuple[str, SpecifierSet, Location]]:
        """Yield the limits of a line that it does not fulfil by the letter.

        A lock that has `told` what it was made for says there which specifiers what the recipe names has.
        """
        constraints = self._lines.get(line.name, ())
        if constraints and constraints[-1].pinned != line.version:
            found = ((applies(each.text, each.where, self._context), each.where) for each in constraints)
            last = [(requirement.specifier, where) for requirement, where in found if requirement][-1:]
            yield from ((line.name, specifier, where) for specifier, where in last)
        if not (told and "requirement" in line.data):
            yield from self._specifiers(line.name)

    def _specifiers(self, name: str) -> Iterator[tuple[str, SpecifierSet, Location]]:
        from packaging.specifiers import SpecifierSet

        for written in self._specified.get(name, ()):
            specifier = SpecifierSet(self._context.series.components[written])
            yield name, specifier, self._context.specified_at(written)


def context_of(catalogue: Catalogue, series: str, platform: str) -> Context:
    """Return what checking without a network needs to know of a series."""
    return Context(
        series=catalogue.series(series), folder=catalogue.series_folder(series), platform=platform,
        site=Site(), work=Path(), progress=Silent(), constraints=catalogue.constraints(series),
        specified_at=partial(catalogue.place_in_series, series, "components"),
    )  # fmt: skip


def _constraints(path: Path, shown: str) -> Iterable[Constraint]:
    for number, text in constraint_lines(path):
        where = Location(shown, number)
        try:
            yield Constraint(text, pinned(text), where)
        except ValueError as error:
            raise RecipeError(str(error), where=where) from error
