"""What was made before: records of steps in the store, and the facts that each step last had.

Many checkouts share a store. What one was last built from is remembered for its folder (and those of its
layers), so that a reason tells what changed there and not in somebody else's work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from scs_build.canonical import digest_of
from scs_build.errors import DiskFullError, StoreError
from scs_build.plan.graph import Graph
from scs_build.plan.step import Step
from scs_build.store.store import Store

# What a step is made from, in words: the name of each input to its version or hash.
Facts = Mapping[str, str]


def result_of(store: Store, step: Step) -> dict[str, Any] | None:
    """Return the record of a step that was run with these very inputs and whose results are all there."""
    return result_of_key(store, step.key)


def result_of_key(store: Store, key: str) -> dict[str, Any] | None:
    """Return the record of the step with this key if all its results are there."""
    return usable(store, store.record(key))


def usable(store: Store, record: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the record if everything that it names is in the store."""
    if record is None:
        return None
    uses = record["uses"]
    there = all(store.has(blob) for blob in uses["blobs"]) and all(store.tree(tree) for tree in uses["trees"])
    return record if there else None


def remember(store: Store, series: str, step: Step, record: dict[str, Any]) -> None:
    """Keep a step's record under its key, and its facts as the last ones."""
    store.put_record(step.key, record)
    store.put_record(_last_key(series, step), {"facts": dict(step.facts), "key": step.key, "uses": NOTHING})


def last_facts(store: Store, series: str, step: Step) -> Facts | None:
    """Return the facts with which a step of this name last ended well, in whatever checkout."""
    record = store.record(_last_key(series, step))
    return record["facts"] if record else None


def built_here(store: Store, graph: Graph) -> Mapping[str, Facts]:
    """Return the facts of every step, by name, as it was when these recipes in this place were last built."""
    record = store.record(_place_key(graph))
    return record["steps"] if record else {}


def remember_built(store: Store, graph: Graph, steps: Iterable[Step]) -> None:
    """Keep the facts of steps whose results are there now, if the store can be written."""
    before = built_here(store, graph)
    now = {**before, **{step.name: dict(step.facts) for step in steps}}
    if now != before:
        with suppress(OSError, StoreError, DiskFullError):
            store.put_record(_place_key(graph), {"steps": now, "uses": NOTHING})


def _last_key(series: str, step: Step) -> str:
    return digest_of({"last": step.name, "series": series, "platform": step.platform})


def _place_key(graph: Graph) -> str:
    folders = (graph.catalogue.root, *(layer.folder for layer in graph.catalogue.layers))
    places = [str(folder.resolve()) for folder in folders]
    return digest_of({"built": places, "series": graph.series.name, "platform": graph.platform})


NOTHING: dict[str, list[str]] = {"blobs": [], "trees": []}
