"""A store whose builds are killed again and again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scs_build.plan.step import Step
from scs_build.store.store import Store
from scs_build.store.verify import verify
from tests.dying import Point, run_until
from tests.integration.build import parts, points
from tests.integration.build.test_faults import wait_until_nothing_is_left
from tests.integration.conftest import ROOT, SERIES

SIGKILL = -9


@dataclass(frozen=True)
class Victim:
    """A store, the checkout and the images that are built in it, and where they are put."""

    store: Store
    root: Path
    output: Path
    names: tuple[str, ...] = ()
    source: tuple[str, ...] = ("--offline",)

    def _args(self) -> tuple[str, ...]:
        return "build", *self.names, "--series", SERIES, "-o", str(self.output), *self.source

    def die_at(self, point: Point) -> None:
        """Build until the point; then nothing is left running, and nothing half-made is to be seen."""
        place = ("--store", str(self.store.root), "--root", str(self.root))
        done = run_until(point, [*self._args(), "-j2", *place], ROOT)
        assert done.returncode == SIGKILL, f"{point} was not reached\n{done.stdout}{done.stderr}"
        wait_until_nothing_is_left(self.store)
        assert verify(self.store) == [], point

    def end_well(self) -> set[str]:
        """Build to the end and return the steps that ran; nothing unfinished stays in the store."""
        done = parts.call(self.store, *self._args(), root=self.root)
        assert done.returncode == 0, done.stderr
        assert parts.call(self.store, "store", "gc", "--max-size", "100G").returncode == 0
        assert list((self.store.root / "tmp").iterdir()) == []
        assert [path.name for path in self.store.locks.iterdir()] == ["collecting.gate"]
        assert verify(self.store) == []
        lines = [line for line in done.stderr.splitlines() if ": " in line]
        return {line.rpartition(": ")[0].replace(" ", ":") for line in lines}

    def remember(self, steps: Mapping[str, Step], results: Mapping[str, str]) -> None:
        """Write the records of all steps down under both their keys, as building them would have."""
        for step in steps.values():
            record = self.store.record(step.key)
            assert record is not None, f"{step.name} is not built"
            self.store.put_record(points.keys(step, results)[0], record)

    def forget(self, steps: Mapping[str, Step], gone: Iterable[str], results: Mapping[str, str]) -> None:
        """Take away what some steps made; those that stand on them only have to find that out."""
        for name in gone:
            self._take_away(steps[name], results)
        for step in steps.values():
            if step.closure().keys() & set(gone):
                self.store.record_path(step.key).unlink(missing_ok=True)
        verify(self.store, repair=True)  # an image names its layers

    def _take_away(self, step: Step, results: Mapping[str, str]) -> None:
        record = self.store.record(step.key)
        assert record is not None, f"{step.name} is not built"
        for key in points.keys(step, results):
            self.store.record_path(key).unlink()
        for tree in record["uses"]["trees"]:
            self.store.temporary.bury(self.store.tree_path(tree))
        for blob in record["uses"]["blobs"]:
            self.store.blob(blob).unlink(missing_ok=True)


def kill_and_go_on(
    victim: Victim, steps: Mapping[str, Step], name: str, at: Iterable[Point], results: Mapping[str, str]
) -> None:
    """Take a step's result away, kill the build that makes it again at each point, and let it go on.

    Nothing is made again but this step and the images that hold its result.
    """
    gone = {name}
    if name == "tools":  # unpacked when something is to be done with them
        gone.add(next(step.name for step in steps.values() if step.kind == "system"))
    if name.startswith("interpreter:"):  # unpacked when something is to be compiled
        gone.add(next(step.name for step in steps.values() if step.kind == "bytecode"))
    victim.forget(steps, gone, results)
    for point in at:
        victim.die_at(point)
    ran = victim.end_well()
    assert {other for other in ran if steps[other].kind != "image"} <= gone
    assert parts.results(victim.store, steps.values()) == results
