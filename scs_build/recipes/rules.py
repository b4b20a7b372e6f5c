"""The rules on paths of an image: those of recipes and tables, and where each of them stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from scs_build.errors import Location
from scs_build.recipes.loader import locate
from scs_build.recipes.models import Dropped, Generated, said
from scs_build.recipes.patterns import may_match_below

Field = Literal["generated", "dropped"]
FIELDS: tuple[Field, ...] = ("generated", "dropped")


@dataclass(frozen=True, eq=False)
class Part:
    """The rules that one file states, a recipe or a table of paths; `shown` is its path in errors."""

    shown: str
    raw: bytes
    generated: tuple[Generated, ...] = ()
    dropped: tuple[Dropped, ...] = ()

    @cached_property
    def values(self) -> dict[Field, list[Any]]:
        """What decides about bytes, by field: neither who makes a path nor the reason does."""
        return {
            "generated": [said(rule, exclude={"by", "reason"}) for rule in self.generated],
            "dropped": [rule.path for rule in self.dropped],
        }

    def where(self, field: Field, index: int) -> Location:
        """Return where a rule stands."""
        return locate(self.raw, self.shown, (field, index))


@dataclass(frozen=True)
class Rules:
    """The rules of several files; the first that matches a path counts."""

    parts: tuple[Part, ...] = ()

    @cached_property
    def generated(self) -> tuple[Generated, ...]:
        """Who makes paths while packages are installed."""
        return tuple(rule for part in self.parts for rule in part.generated)

    @cached_property
    def dropped(self) -> tuple[Dropped, ...]:
        """Which paths of artefacts are left out."""
        return tuple(rule for part in self.parts for rule in part.dropped)

    def where(self, wanted: Generated | Dropped) -> Location:
        """Return where one of the rules stands."""
        field: Field = "generated" if isinstance(wanted, Generated) else "dropped"
        return next(
            part.where(field, index)
            for part in self.parts
            for index, rule in enumerate(getattr(part, field))
            if rule is wanted
        )

    def below(self, *folders: str) -> Rules:
        """Return the rules that can match a path below one of these folders."""

        def concerning(rules: Iterable[Any]) -> tuple[Any, ...]:
            return tuple(
                rule for rule in rules if any(may_match_below(rule.path, folder) for folder in folders)
            )

        parts = (
            Part(part.shown, part.raw, concerning(part.generated), concerning(part.dropped))
            for part in self.parts
        )
        return Rules(tuple(part for part in parts if part.generated or part.dropped))

    def values(self) -> dict[str, Any]:
        """Return what decides about bytes, in the order in which rules count."""
        return {field: [value for part in self.parts for value in part.values[field]] for field in FIELDS}

    def statements(self) -> dict[str, Any]:
        """Return all that the rules say."""
        return {field: [said(rule) for rule in getattr(self, field)] for field in FIELDS}


NO_RULES = Rules()
