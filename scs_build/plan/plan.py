"""The plan: which images must be made, which steps that takes, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scs_build.inputs.artefact import Artefact
from scs_build.plan.graph import Graph
from scs_build.plan.history import Facts, built_here, result_of
from scs_build.plan.reasons import reasons_for
from scs_build.plan.step import Step
from scs_build.store.store import Store

GONE = "its result is no longer in the store"


@dataclass(frozen=True)
class PlannedStep:
    """A step that will run, and why; no reason of its own means that a step before it changed."""

    step: Step
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class PlannedImage:
    """An image, the step that makes it, and the steps that must run first (none: nothing to do).

    `origin` names the layers that touch it; there are none for an image as we make it.
    """

    name: str
    kind: str
    step: Step
    steps: tuple[PlannedStep, ...]
    origin: tuple[str, ...] = ()

    @property
    def action(self) -> str:
        """`none` when the image is there already, else `build`."""
        return "build" if self.steps else "none"

    @property
    def reasons(self) -> list[str]:
        """Why the image is built, each reason once; the most particular ones only."""
        own = [reason for planned in self.steps for reason in planned.reasons]
        return list(dict.fromkeys(own)) or ([GONE] if self.steps else [])

    def to_json(self) -> dict[str, Any]:
        """Return the image's line of `plan --json`."""
        return {
            "name": self.name,
            "kind": self.kind,
            "key": self.step.key,
            "origin": list(self.origin),
            "action": self.action,
            "reasons": self.reasons,
            "steps": [
                {"name": p.step.name, "key": p.step.key, "reasons": list(p.reasons)} for p in self.steps
            ],
        }


@dataclass(frozen=True)
class Plan:
    """What has to be done for some images of a series."""

    series: str
    platform: str
    images: tuple[PlannedImage, ...]

    def artefacts(self) -> tuple[Artefact, ...]:
        """Return every artefact that the planned steps read, each once."""
        steps = [planned.step for image in self.images for planned in image.steps]
        return tuple({a.sha256: a for step in steps for a in step.artefacts}.values())

    def to_json(self) -> dict[str, Any]:
        """Return the object that `plan --json` prints."""
        return {
            "series": self.series,
            "platform": self.platform,
            "images": [image.to_json() for image in self.images],
        }


def make_plan(graph: Graph, store: Store, names: Sequence[str]) -> Plan:
    """Return the plan for these images, in this order; reads locks, recipes and the store only."""
    here = built_here(store, graph)
    images = tuple(_plan_image(graph, store, name, here) for name in names)
    return Plan(graph.series.name, graph.platform, images)


def _plan_image(graph: Graph, store: Store, name: str, here: Mapping[str, Facts]) -> PlannedImage:
    step = graph.image(name)
    missing: dict[str, Step] = {}
    missing_steps(store, step, missing)
    series = graph.series.name
    planned = tuple(PlannedStep(s, tuple(reasons_for(store, series, s, here))) for s in missing.values())
    kind = graph.catalogue.component(name).recipe.kind
    return PlannedImage(name, kind, step, planned, graph.origin_names(name))


def missing_steps(store: Store, step: Step, missing: dict[str, Step]) -> None:
    """Collect, dependencies first, the steps without a result that `step` would wait for."""
    if step.name in missing or result_of(store, step) is not None:
        return
    for other in (*step.needs, *step.runs_on):
        missing_steps(store, other, missing)
    missing[step.name] = step
