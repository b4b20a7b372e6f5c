"""What a lock is made for: all that a recipe and its series say and that can change which versions it holds.

It is written into the lock as people wrote it, so that a plan can tell in no time that nothing changed, and
in words what did. Comments, order and the ways to write the same name or requirement are no difference.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from scs_build.recipes.scalars import shorten

if TYPE_CHECKING:
    from scs_build.recipes.models import Recipe, Series

# Texts by the field that holds them, such as `python.requirements`; what begins with SERIES is the series'.
Asked = Mapping[str, tuple[str, ...]]

SERIES = "series."
COMPONENTS = "series.components"
# Where packages come from and which wheels fit: lock lines do not tell whether they are of these.
CHANNELS = (
    "series.debian.release",
    "series.debian.suites",
    "series.python.version",
    "series.python.manylinux",
)
REQUIREMENTS = ("python.requirements", "python.build", COMPONENTS)
DISTRIBUTIONS = ("python.compile",)
SEPARATORS = re.compile(r"[-_.]+")
DISTRIBUTION = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


class Difference(NamedTuple):
    """What is asked for now and was not (`new`), or the other way round: the field and the texts in it."""

    field: str
    texts: tuple[str, ...]
    new: bool

    @property
    def pointer(self) -> tuple[str, str]:
        """Where the field is, in the recipe or the series."""
        head, _, rest = self.field.removeprefix(SERIES).partition(".")
        return head, rest

    def __str__(self) -> str:
        return f"{'+' if self.new else '-'} {shorten(self.field)}: {', '.join(map(shorten, self.texts))}"


def asked_of(recipe: Recipe, series: Series) -> dict[str, tuple[str, ...]]:
    """Return what a lock of a recipe in a series is made for, without fields that say nothing.

    Inputs and constraints are not in it: lock lines themselves tell whether they are what is asked for.
    """
    debian = {
        "debian.packages": recipe.debian.packages,
        "debian.build": recipe.debian.build,
        **{f"groups.{name}": packages for name, packages in recipe.groups.items()},
    }
    fields: dict[str, Collection[str]] = {
        "parent": (recipe.parent,) if recipe.parent else (),
        "builder": (recipe.builder,) if recipe.builder else (),
        **debian,
        "debian.without": recipe.debian.without,
    }
    if recipe.kind == "scaffold" or any(debian.values()):
        fields["series.debian.release"] = (series.debian.release,)
        fields["series.debian.suites"] = series.debian.suites
    if python := recipe.python:
        fields |= {
            "python.requirements": python.requirements,
            "python.build": python.build,
            "python.compile": python.compile,
            COMPONENTS: tuple(_specifiers(python.requirements, series)),
            "series.python.version": (series.python.version,),
            "series.python.manylinux": (series.python.manylinux,),
        }
    return {field: tuple(sorted(texts)) for field, texts in fields.items() if texts}


def _specifiers(requirements: Iterable[str], series: Series) -> Iterator[str]:
    """Yield what a series says of the versions of distributions that are asked for."""
    names = {distribution(text) for text in requirements} if series.components else set()
    for name, specifier in series.components.items():
        if distribution(name) in names:
            yield f"{name}{specifier}"


def distribution(requirement: str) -> str:
    """Return the canonical name in a requirement, without parsing the rest of it."""
    found = DISTRIBUTION.match(requirement)
    return SEPARATORS.sub("-", found[1]).lower() if found else ""


def differences(then: Asked, now: Asked) -> list[Difference]:
    """Return what is asked for now and was not when a lock was made, and the other way round."""
    if then == now:
        return []
    found = []
    for field in dict.fromkeys((*now, *then)):
        if field in CHANNELS and not (field in then and field in now):
            continue  # of no account before the first package or distribution is asked for, or after the last
        old, new = (_meaning(field, asked.get(field, ())) for asked in (then, now))
        found += [Difference(field, new[key], new=True) for key in new if key not in old]
        found += [Difference(field, old[key], new=False) for key in old if key not in new]
    return found


def _meaning(field: str, texts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return texts by what they mean: two that mean the same, or add up to one requirement, are together."""
    if field in REQUIREMENTS:
        return _requirements(texts)
    name = distribution if field in DISTRIBUTIONS else str
    return {name(text): (text,) for text in texts}


def _requirements(texts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    from scs_build.inputs.python.requirements import Need, canonical
    from scs_build.recipes.requirement import parse_requirement

    together: dict[tuple[str, str], list[str]] = {}
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        try:
            requirement = parse_requirement(text)
        except ValueError:  # in a lock that somebody edited
            found[text] = (text,)
            continue
        together.setdefault((canonical(requirement.name), str(requirement.marker)), []).append(text)
    for (_, marker), group in together.items():
        first, *others = map(parse_requirement, group)
        for other in others:
            first.extras |= other.extras
            first.specifier &= other.specifier
        found[f"{Need.of(first)}; {marker}"] = tuple(group)
    return found
