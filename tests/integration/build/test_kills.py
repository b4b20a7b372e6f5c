"""kill -9 at the start, in the middle and at the end of every kind of step, and between the steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from scs_build.plan.step import Step
from scs_build.store.store import Store
from scs_build.store.verify import verify
from tests.dying import Point, run_until
from tests.integration.build import parts, points
from tests.integration.build.test_faults import wait_until_nothing_is_left
from tests.integration.conftest import ROOT

# One step of each kind, in the order in which a build from nothing comes to them.
PLAIN = (
    "files:canary-plain", "tools", "scaffold", "install:debian", "packages:debian", "system:canary-plain",
    "image:canary-plain",
)  # fmt: skip
# Of these, everything below them is there already.
PYTHON = ("packages:canary-python", "wheel:canary-native:canary-python", "venv:canary-python")
SIGKILL = -9


class Victim:
    """A build that is killed again and again, in one store."""

    def __init__(self, store: Store, root: Path, output: Path, *names: str) -> None:
        self.store = store
        self.root = root
        self.output = output
        self.names = names

    def die_at(self, point: Point) -> None:
        """Run until the point, and check that nothing is left and nothing half-made is to be seen."""
        args = ("build", *self.names, "--offline", "-j2", "-o", str(self.output))
        done = run_until(point, [*args, "--store", str(self.store.root), "--root", str(self.root)], ROOT)
        assert done.returncode == SIGKILL, f"{point} was not reached\n{done.stderr}"
        wait_until_nothing_is_left(self.store)
        assert verify(self.store) == [], point

    def end_well(self) -> tuple[dict[str, str], str]:
        """Run to the end; return digests and what was said; nothing unfinished stays in the store."""
        done = parts.build(self.store, self.output, *self.names, root=self.root)
        digests = parts.digests(done)
        assert parts.call(self.store, "store", "gc", "--max-size", "100G").returncode == 0
        assert list((self.store.root / "tmp").iterdir()) == []
        assert [path.name for path in self.store.locks.iterdir()] == ["collecting.gate"]
        assert verify(self.store) == []
        return digests, done.stderr


def points_of(steps: Iterable[Step], results: dict[str, str]) -> list[Point]:
    return [p for s in steps for p in (points.start(s), points.middle(s), points.ends(s, results)[0])]


def started(stderr: str) -> list[str]:
    """Return the steps that a build says it ran, from the lines of their ends."""
    return [line.partition(": ")[0].replace(" ", ":") for line in stderr.splitlines() if ": " in line]


@pytest.mark.parametrize(
    ("image", "names"), [("canary-plain", PLAIN), ("canary-python", PYTHON)], ids=["plain", "python"]
)
def test_killed_at_the_start_in_the_middle_and_at_the_end_of_each_kind_of_step(
    canaries: Store,
    canary_root: Path,
    canary_steps: dict[str, Step],
    tmp_path: Path,
    image: str,
    names: Sequence[str],
) -> None:
    steps = canary_steps[f"image:{image}"].closure()
    results = parts.results(canaries, steps.values())
    below = set(steps) - set(names) if image == "canary-python" else ()
    with parts.beside(canaries) as folder:
        store = parts.copied(
            canaries, Store(folder / "store"), steps.values(), set(below) - {f"image:{image}"}
        )
        victim = Victim(store, canary_root, tmp_path, image)
        for point in points_of((steps[name] for name in names), results):
            victim.die_at(point)
        digests, said = victim.end_well()
        assert digests == {image: results[f"image:{image}"]}
        assert parts.results(store, steps.values()) == results
        # Only the step at whose end it was killed last, and those after it, ran again.
        assert not set(started(said)) & set(names[:-1])


LAYOUT = (
    Point("MainThread", "os.link", "*/oci/blobs/sha256/*"),
    Point("MainThread", "os.rename", "*/oci/blobs/sha256/*", 3),
    Point("MainThread", "os.rename", "*/oci/oci-layout"),
    Point("MainThread", "os.rename", "*/oci/index.json"),
)
MANIFEST = (
    Point("MainThread", "open", "*/out/.2026.1.json*"),
    Point("MainThread", "os.rename", "*/out/2026.1.json"),
)


def test_killed_while_images_and_manifest_are_put_in_place(
    store: Store, canaries: Store, tmp_path: Path
) -> None:
    """The layout then holds what it held, or what it is to hold, and no temporary file for ever."""
    victim = Victim(store, ROOT, tmp_path / "out")
    for point in (*LAYOUT, *MANIFEST):
        victim.die_at(point)
    done = parts.build(store, tmp_path / "out")
    assert parts.call(store, "verify", "-o", str(tmp_path / "out")).returncode == 0
    assert list((tmp_path / "out").rglob(".*")) == []
    assert parts.digests(done)
