"""kill -9 at five points of every step of every image of a series."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scs_build.build.build import BuildResult
from scs_build.plan.step import Step
from scs_build.store.store import Store
from tests.dying import Point
from tests.integration.build import parts, points
from tests.integration.build.victim import Victim, kill_and_go_on
from tests.integration.conftest import ROOT, graph_of, make_all

GRAPH = graph_of()
STEPS = parts.steps_of(GRAPH, GRAPH.catalogue.images(GRAPH.series))


@pytest.fixture(scope="module")
def victim(store: Store, built: BuildResult, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """A store in which the images of the series are built."""
    make_all(store, GRAPH, STEPS.values())
    with parts.beside(store) as folder:
        other = parts.copied(store, Store(folder / "store"), STEPS.values(), STEPS)
        victim = Victim(other, ROOT, tmp_path_factory.mktemp("out"))
        victim.remember(STEPS, parts.results(store, STEPS.values()))
        yield victim


@pytest.mark.parametrize("name", STEPS)
def test_a_step_killed_at_five_points_is_made_again_and_nothing_else(
    victim: Victim, store: Store, name: str
) -> None:
    results = parts.results(store, STEPS.values())
    kill_and_go_on(victim, STEPS, name, all_points(STEPS[name], results), results)


def all_points(step: Step, results: dict[str, str]) -> list[Point]:
    return [points.start(step), points.middle(step), points.made(step), *points.ends(step, results)]
