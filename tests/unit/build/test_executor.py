"""What becomes of steps that run beside one that fails."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, cast

import pytest

from scs_build.build import executor
from scs_build.build.executor import Executor
from scs_build.build.records import Record, make_record
from scs_build.errors import StepError
from scs_build.plan.graph import Graph
from scs_build.plan.step import Step
from scs_build.progress import Silent
from scs_build.store.store import Store
from tests.unit.evidence.conftest import ROOT


class Listener(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def test_nothing_runs_after_a_failure_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One step of an image fails while another runs: that is waited for, and what stands on it never runs."""
    running, failed = threading.Event(), threading.Event()
    done: list[str] = []

    def step(name: str, *needs: Step) -> Step:
        return Step(f"files:{name}", "files", "debian", "linux/amd64", {"name": name}, needs)

    def run(_: object, step: Step) -> Record:
        if step.name == "files:bad":
            running.wait()
            raise StepError("no")
        if step.name == "files:slow":
            running.set()
            failed.wait()
        done.append(step.name)
        return make_record(step.key)

    class Heard(Listener):
        def say(self, text: str) -> None:
            super().say(text)
            failed.set()

    monkeypatch.setitem(cast(Any, executor.RUNNERS), "files", run)
    slow, bad, listener = step("slow"), step("bad"), Heard()
    late = step("late", slow)
    work = Executor(Graph(*_series()), Store(tmp_path), lambda _: cast(Any, None), 2, listener)
    outcome = work.make([step("image", bad, late)])["files:image"]

    assert isinstance(outcome, StepError)
    assert done == ["files:slow"]
    assert listener.said == ["a step failed; waiting for what still runs: files:slow"]
    assert Store(tmp_path).record(slow.key) is not None, "its result is of use to the next build"


def _series() -> tuple[Any, Any, str]:
    from scs_build.recipes.catalogue import Catalogue

    catalogue = Catalogue.load(ROOT)
    return catalogue, catalogue.series("2026.1"), "linux/amd64"
