"""Rules on paths that nothing needs: no image that they hold for has a path that they match."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
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
    """Return the rules of recipes and of layers' tables that no path needed: in the order of the images, then
    of the layers.

    They are judged where every image of the series that they hold for was built: for a recipe the image
    itself, and those that stand on it; for a table those that its layer touches. Our own table is not: it is
    for images that are still to come.
    """
    known = {name: found for name in built if (found := _matched(graph, store, name)) is not None}
    answer: list[UnusedRule] = []
    for part, concerned in _parts(graph):
        if (part.generated or part.dropped) and concerned and known.keys() >= set(concerned):
            answer += _unused(part, known, concerned)
    return tuple(answer)


def _parts(graph: Graph) -> Iterator[tuple[Part, list[str]]]:
    """Yield what states rules, with the images of the series that these hold for."""
    catalogue = graph.catalogue
    images = catalogue.images(graph.series)
    for name in images:
        yield catalogue.component(name).rules, [x for x in images if name in catalogue.lineage(x)]
    for layer in catalogue.layers:
        if table := catalogue.table_of(layer):
            yield table, [name for name in images if layer in graph.origin(name)]


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
