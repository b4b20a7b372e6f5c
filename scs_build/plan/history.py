"""What was made before: records of steps in the store, and the facts that each step last had."""

from __future__ import annotations

from typing import Any

from scs_build.canonical import digest_of
from scs_build.plan.step import Step
from scs_build.store.store import Store


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


def last_facts(store: Store, series: str, step: Step) -> dict[str, str] | None:
    """Return the facts with which a step of this name last ended well, if it ever did."""
    record = store.record(_last_key(series, step))
    return record["facts"] if record else None


def _last_key(series: str, step: Step) -> str:
    return digest_of({"last": step.name, "series": series, "platform": step.platform})


NOTHING: dict[str, list[str]] = {"blobs": [], "trees": []}
