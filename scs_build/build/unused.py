"""Rules on paths that nothing needs: no image that they hold for has a path that they match."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from scs_build.errors import Location
from scs_build.plan.graph import Graph
from scs_build.recipes.rules import FIELDS, Part
from scs_build.store.store import Store

# The rules that matched a path, as (field, pattern).
Matched = set[tuple[str, str]]


class UnusedRule(NamedTuple):
    """A rule that matches nothing in the images of a series that it holds for, and where it stands."""

    pattern: str
    where: Location

    def __str__(self) -> str:
        return f"{self.where}: the rule on {self.pattern} matches nothing: remove it"

    def to_json(self) -> dict[str, Any]:
        """Return the rule as plain values."""
        return {"path": self.pattern, "where": str(self.where)}


def unused_rules(graph: Graph, store: Store, built: Collection[str]) -> tuple[UnusedRule, ...]:
    """Return the rules of recipes that no path needed, in the order of the images.

    A recipe's rules are judged where every image of the series that they hold for was built: the image
    itself, and those that stand on it. Tables of paths are not: they are for images that are still to come.
    """
    images = graph.catalogue.images(graph.series)
    known = {name: found for name in built if (found := _matched(graph, store, name)) is not None}
    answer: list[UnusedRule] = []
    for name in images:
        part = graph.catalogue.component(name).rules
        concerned = [other for other in images if name in graph.catalogue.lineage(other)]
        if (part.generated or part.dropped) and known.keys() >= set(concerned):
            answer += _unused(part, known, concerned)
    return tuple(answer)


def _unused(part: Part, known: Mapping[str, Matched], images: Iterable[str]) -> Iterable[UnusedRule]:
    matched = set().union(*(known[name] for name in images))
    for field in FIELDS:
        for index, rule in enumerate(getattr(part, field)):
            if (field, rule.path) not in matched:
                yield UnusedRule(rule.path, part.where(field, index))


def _matched(graph: Graph, store: Store, name: str) -> Matched | None:
    """Return the rules that matched while an image's own layers were made; None where that is not known."""
    found: Matched = set()
    for step in graph.content(name):
        if graph.rules_for(step.kind, step.subject, step.artefacts).parts:
            record = store.record(step.key)
            if record is None or "rules" not in record:
                return None
            found |= {(field, pattern) for field in FIELDS for pattern in record["rules"][field]}
    return found
