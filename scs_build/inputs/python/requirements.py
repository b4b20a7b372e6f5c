"""Requirements between distributions: which apply, which extras they ask for, whether they hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from scs_build.errors import Location, RecipeError, ResolutionError
from scs_build.recipes.requirement import parse_requirement

if TYPE_CHECKING:
    from packaging.markers import Environment, Marker
    from packaging.requirements import Requirement


def canonical(name: str) -> str:
    """Return the name of a distribution in the one form that is compared."""
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)


def parse(text: str, where: Location) -> Requirement:
    """Parse a requirement (PEP 508) on what an index offers; raises `RecipeError`."""
    try:
        return parse_requirement(text)
    except ValueError as error:
        raise RecipeError(str(error), where=where) from error


@lru_cache(maxsize=8192)
def read(text: str) -> Need:
    """Return the requirement of a lock line; raises ValueError where it is none, or has a marker left."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise ValueError(f"{text!r} is not a requirement") from error
    if requirement.marker or requirement.url:
        raise ValueError(f"{text!r} has a marker or a place, which no lock line has")
    return Need.of(requirement)


@dataclass(frozen=True)
class Need:
    """A requirement without a marker; `extras` and `name` are canonical."""

    name: str
    extras: frozenset[str]
    specifier: str

    @classmethod
    def of(cls, requirement: Requirement) -> Need:
        """Return a requirement whose marker was evaluated."""
        extras = frozenset(map(canonical, requirement.extras))
        specifier = ",".join(sorted(map(str, requirement.specifier)))
        return cls(canonical(requirement.name), extras, specifier)

    def __str__(self) -> str:
        extras = f"[{','.join(sorted(self.extras))}]" if self.extras else ""
        return f"{self.name}{extras}{self.specifier}"

    def holds(self, version: str) -> bool:
        """Tell whether `version` fulfils the requirement; a version that is none never does."""
        from packaging.specifiers import SpecifierSet
        from packaging.version import InvalidVersion, Version

        try:
            return SpecifierSet(self.specifier).contains(Version(version), prereleases=True)
        except InvalidVersion:
            return False


def holds(marker: Marker, environment: Environment, extra: str = "") -> bool:
    """Evaluate a marker."""
    return marker.evaluate({**cast("dict[str, str]", environment), "extra": extra})


def applicable(
    who: str, requires: Iterable[str], extras: Collection[str], environment: Environment
) -> set[Need]:
    """Return those of the requirements of `who` that hold in `environment` with these extras.

    Raises `ResolutionError` for one that cannot be read or names a place of its own.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    found = set()
    for text in requires:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise ResolutionError(f"{who} requires {text!r}, which is not a requirement") from error
        marker = requirement.marker
        if marker is None or any(holds(marker, environment, extra) for extra in extras or ("",)):
            if requirement.url:
                raise ResolutionError(f"{who} requires {text!r}, which names a place instead of a version")
            found.add(Need.of(requirement))
    return found


def asked_extras(
    roots: Iterable[Need], requires: Mapping[str, Iterable[str]], environment: Environment
) -> dict[str, set[str]]:
    """Return the extras that are asked of every distribution which `roots` lead to.

    `requires` has the requirements, with markers, of those whose own requirements count.
    """
    asked: dict[str, set[str]] = {}
    queue = list(roots)
    while queue:
        need = queue.pop()
        known = asked.get(need.name)
        if known is not None and need.extras <= known:
            continue
        asked[need.name] = (known or set()) | need.extras
        queue += applicable(need.name, requires.get(need.name, ()), asked[need.name], environment)
    return asked
