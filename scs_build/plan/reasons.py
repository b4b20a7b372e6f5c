"""Why a step runs, in words that name the input that changed."""

from __future__ import annotations

from collections.abc import Mapping

from scs_build.plan.history import Facts, last_facts
from scs_build.plan.step import Step
from scs_build.store.store import Store

SENTENCES = {
    "recipe": "recipe changed: {}",
    "file": "file changed: files/{}",
    "patch": "patch changed: {}",
    "owner": "owner of files changed: {}",
}


NEVER = "not built before"
NOT_HERE = "not built from this checkout before"
ELSEWHERE = "unlike the last build of another: {}"


def reasons_for(store: Store, series: str, step: Step, here: Mapping[str, Facts]) -> list[str]:
    """Return why a step without a usable result runs; empty when only the steps before it changed.

    `here` is what `built_here` gives: changes are those since then. A step that was never built from here is
    compared with what any other checkout built last in this store, and that is said.
    """
    if step.name in here:
        return difference(here[step.name], step.facts)
    elsewhere = last_facts(store, series, step)
    if elsewhere is None:
        return [NEVER]
    changes = [ELSEWHERE.format(change) for change in difference(elsewhere, step.facts)]
    return [NOT_HERE, *changes] if changes else []


def difference(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return one sentence per fact that was added, removed or changed, in the order of their names."""
    names = sorted(before.keys() | now.keys())
    return [
        _sentence(name, before.get(name), now.get(name))
        for name in names
        if before.get(name) != now.get(name)
    ]


def _sentence(name: str, before: str | None, now: str | None) -> str:
    kind, _, rest = name.partition(":")
    if kind in SENTENCES:
        return SENTENCES[kind].format(rest)
    if not rest:
        return f"{name} changed" if now else f"{name} went"
    source, _, _ = kind.rpartition("/")
    lock = f"lock of the {source} changed" if source else "lock changed"
    old, new = (value.split(" ")[0] if value else None for value in (before, now))
    package = rest.partition(":")[0]
    if old is None:
        return f"{lock}: {package} {new} added"
    if new is None:
        return f"{lock}: {package} {old} removed"
    return f"{lock}: {package} {old} -> {new}" if old != new else f"{lock}: {package} {new} has other bytes"
