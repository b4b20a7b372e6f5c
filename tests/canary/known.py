"""What the canary images gave when `canary.json` was last written: key and result of each of their steps."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from scs_build.plan.step import Step
from scs_build.store.store import Store
from tests.integration.build.parts import results

PATH = Path(__file__).with_name("canary.json")
SILENT = "bytes changed without a new format version: raise FORMATS[{}] in scs_build/plan/step.py, then {}"
AGAIN = "inputs or formats changed: run `python -m tests.canary` and commit {}"

Canary = dict[str, dict[str, str]]


def known() -> Canary:
    """Return the steps as they were written down."""
    found: Canary = json.loads(PATH.read_text())
    return found


def found(store: Store, steps: Iterable[Step]) -> Canary:
    """Return the steps as they are in a store now."""
    steps = list(steps)
    made = results(store, steps)
    return {step.name: {"kind": step.kind, "key": step.key, "result": made[step.name]} for step in steps}


def changed_silently(before: Canary, now: Canary) -> list[str]:
    """Return the steps whose inputs and format are the same and whose result is not."""
    same = [name for name in now if name in before and before[name]["key"] == now[name]["key"]]
    return [name for name in same if before[name]["result"] != now[name]["result"]]


def complaint(names: Iterable[str], now: Canary) -> str:
    """Return what to do about steps that changed silently."""
    kinds = ", ".join(sorted({repr(now[name]["kind"]) for name in names}))
    return SILENT.format(kinds, AGAIN.format(PATH.name))
