"""kill -9 at the start, in the middle and at the end of every kind of step, and of what follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scs_build.build.build import BuildResult
from scs_build.plan.step import Step
from scs_build.store.store import Store
from tests.dying import Point
from tests.integration.build import parts, points
from tests.integration.build.victim import Victim, kill_and_go_on
from tests.integration.conftest import ROOT, graph_of

IMAGE = "canary-python"
STEPS = (
    "tools", "scaffold", "install:canary-python", "packages:canary-python", "bytecode:canary-python",
    "wheel:canary-native:canary-python", "venv:canary-python", "files:python", "system:canary-python",
    "image:canary-python",
)  # fmt: skip


@pytest.fixture(scope="module")
def steps(canary_steps: dict[str, Step]) -> dict[str, Step]:
    return canary_steps[f"image:{IMAGE}"].closure()


@pytest.fixture(scope="module")
def victim(
    canaries: Store, canary_root: Path, steps: dict[str, Step], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Victim]:
    """A store in which the image is built."""
    with parts.beside(canaries) as folder:
        store = parts.copied(canaries, Store(folder / "store"), steps.values(), steps)
        victim = Victim(store, canary_root, tmp_path_factory.mktemp("out"), (IMAGE,))
        victim.remember(steps, parts.results(canaries, steps.values()))
        yield victim


def test_every_kind_of_step_is_killed(steps: dict[str, Step]) -> None:
    assert {steps[name].kind for name in STEPS} == set(points.MIDDLE) == {s.kind for s in steps.values()}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_killed_at_start_middle_and_end_is_made_again_and_nothing_else(
    victim: Victim, canaries: Store, steps: dict[str, Step], name: str
) -> None:
    step, results = steps[name], parts.results(canaries, steps.values())
    at = (points.start(step), points.middle(step), points.ends(step, results)[0])
    kill_and_go_on(victim, steps, name, at, results)


def test_a_fetch_killed_at_its_start_and_its_end_goes_on_where_it_was(
    victim: Victim, canaries: Store, steps: dict[str, Step], tmp_path: Path
) -> None:
    """In the middle: see the tests of fetching, where the mirror stalls half-way."""
    step, results = steps["install:canary-python"], parts.results(canaries, steps.values())
    (artefact,) = step.artefacts
    victim.forget(steps, [step.name], results)
    victim.store.blob(artefact.sha256).unlink()
    path = tmp_path / "mirror" / artefact.data["path"]
    path.parent.mkdir(parents=True)
    path.hardlink_to(canaries.blob(artefact.sha256))
    site = tmp_path / "site.yaml"
    site.write_text(f"debian: ['{(tmp_path / 'mirror').as_uri()}']\n")
    online = replace(victim, source=("--site", str(site)))
    online.die_at(Point("Thread-* (_worker)", "open", f"*/tmp/{artefact.sha256}.part"))
    online.die_at(Point("Thread-* (_worker)", "rename", f"*/blobs/sha256/{artefact.sha256}"))
    path.unlink()  # nothing is left to be fetched
    assert step.name in online.end_well()
    assert parts.results(victim.store, steps.values()) == results


PLACES = (
    Point("MainThread", "link", "*/out/oci/blobs/sha256/*"),
    Point("MainThread", "rename", "*/out/oci/blobs/sha256/*", 3),
    Point("MainThread", "rename", "*/out/oci/oci-layout"),
    Point("MainThread", "rename", "*/out/oci/index.json"),
    Point("MainThread", "open", "*/out/.2026.1.json*"),
    Point("MainThread", "rename", "*/out/2026.1.json"),
)


def test_killed_while_images_and_manifest_are_put_in_place_no_temporary_file_stays(
    store: Store, built: BuildResult, tmp_path: Path
) -> None:
    steps, output = parts.steps_of(graph_of(), [image.name for image in built.images]), tmp_path / "out"
    with parts.beside(store) as folder:
        images = [name for name, step in steps.items() if step.kind == "image"]
        victim = Victim(parts.copied(store, Store(folder / "store"), steps.values(), images), ROOT, output)
        for point in PLACES:
            victim.die_at(point)
        assert victim.end_well() == set()
        assert parts.call(victim.store, "verify", "-o", str(output)).returncode == 0
        assert list(output.rglob(".*")) == []
