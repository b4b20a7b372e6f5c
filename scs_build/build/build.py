"""A build from plan to images: fetch what is missing, run the steps, tell what came out."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from scs_build.build.executor import Executor, Outcome
from scs_build.build.failed import forget_states
from scs_build.build.records import Record
from scs_build.build.unused import UnusedRule, unused_rules
from scs_build.engines.spec import Engine
from scs_build.engines.tools import ToolsTree
from scs_build.errors import ScsBuildError
from scs_build.inputs.artefact import Artefact
from scs_build.plan.graph import Graph
from scs_build.plan.history import remember_built, result_of
from scs_build.plan.plan import Plan, PlannedImage, make_plan
from scs_build.progress import Progress
from scs_build.recipes.site import Site
from scs_build.store.downloads import download_of
from scs_build.store.fetch import Fetched, fetch
from scs_build.store.store import Store

# Trees and compilers need more room than what is fetched: measured for the first five images.
ROOM_PER_BYTE = 8


@dataclass(frozen=True)
class BuiltImage:
    """An image that is there: `action` says whether it was built now."""

    name: str
    key: str
    action: str
    seconds: float
    record: Record
    origin: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Digest of the image manifest, `sha256:<hex>`."""
        return str(self.record["result"])

    def to_json(self) -> dict[str, Any]:
        """Return the image's line of `build --json`."""
        layers = self.record["layers"]
        return {
            "name": self.name,
            "digest": self.digest,
            "key": self.key,
            "origin": list(self.origin),
            "action": self.action,
            "seconds": round(self.seconds, 3),
            "unpacked_bytes": sum(layer["unpacked"] for layer in layers),
            "layers": [{name: layer[name] for name in ("digest", "diff_id", "bytes")} for layer in layers],
        }


@dataclass(frozen=True)
class BuildResult:
    """What a build made, what failed, and what it took."""

    series: str
    platform: str
    seconds: float
    images: tuple[BuiltImage, ...]
    failures: Mapping[str, ScsBuildError] = field(default_factory=dict)
    fetched: Fetched | None = None
    step_seconds: Mapping[str, float] = field(default_factory=dict)
    unused_rules: tuple[UnusedRule, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the object that `build --json` prints."""
        return {
            "series": self.series,
            "platform": self.platform,
            "seconds": round(self.seconds, 3),
            "images": [image.to_json() for image in self.images],
            "failures": [{"name": name, **error.to_json()} for name, error in self.failures.items()],
            "unused_rules": [rule.to_json() for rule in self.unused_rules],
        }


@dataclass(frozen=True)
class Options:
    """How to build: where artefacts come from, how many steps at once, whether the network may be used."""

    site: Site
    make_engine: Callable[[ToolsTree], Engine]
    jobs: int = 2
    offline: bool = False


def build(
    graph: Graph, store: Store, names: Sequence[str], options: Options, progress: Progress
) -> BuildResult:
    """Build images and return all outcomes; one that fails stops only those that stand on it."""
    started = time.monotonic()
    with store.use():  # what this build reads and makes is not collected meanwhile
        plan = make_plan(graph, store, names)
        fetched = fetch_for(plan, store, options, progress)
        executor = Executor(graph, store, options.make_engine, options.jobs, progress)
        wanted = [image.step for image in plan.images if image.action == "build"]
        outcomes = executor.make(wanted)
    made, failures = _sorted_out(plan, store, outcomes, executor.seconds)
    done = {image.name for image in made}
    steps = {
        name: step
        for image in plan.images
        if image.name in done
        for name, step in image.step.closure().items()
    }
    forget_states(store, plan.series, steps)
    remember_built(store, graph, steps.values())
    unused = unused_rules(graph, store, done)
    for rule in unused:
        progress.say(f"warning: {rule}")
    seconds = time.monotonic() - started
    return BuildResult(plan.series, plan.platform, seconds, made, failures, fetched, executor.seconds, unused)


def there(graph: Graph, store: Store, name: str) -> BuiltImage | None:
    """Return an image as it is to be now, if the store has it."""
    step = graph.image(name)
    record = result_of(store, step)
    return BuiltImage(name, step.key, "none", 0.0, record, graph.origin_names(name)) if record else None


def fetch_for(plan: Plan, store: Store, options: Options, progress: Progress) -> Fetched:
    """Fetch every artefact that the plan's steps read and the store does not hold, or holds broken."""
    return fetch_missing(plan.artefacts(), store, options, progress)


def fetch_missing(
    artefacts: Iterable[Artefact], store: Store, options: Options, progress: Progress
) -> Fetched:
    """Fetch those of the artefacts that the store does not hold, or holds broken."""
    missing = _missing({a.sha256: a for a in artefacts}.values(), store, options.jobs)
    store.require_space(sum(a.size for a in missing) * ROOM_PER_BYTE)
    downloads = [download_of(artefact, options.site) for artefact in missing]
    return fetch(store, downloads, jobs=8, offline=options.offline, progress=progress)


def _missing(artefacts: Collection[Artefact], store: Store, jobs: int) -> list[Artefact]:
    """Return the artefacts that must come; those in the store are read and hashed, broken ones dropped.

    The programs that unpack them ask for no hash, so this is where a damaged disk is noticed: about
    0.1 s per 100 MB, and only for what is about to be built.
    """
    with ThreadPoolExecutor(jobs) as pool:
        sound = list(pool.map(lambda a: store.is_sound(a.sha256), artefacts))
    return [artefact for artefact, good in zip(artefacts, sound, strict=True) if not good]


def _sorted_out(
    plan: Plan, store: Store, outcomes: Mapping[str, Outcome], seconds: Mapping[str, float]
) -> tuple[tuple[BuiltImage, ...], dict[str, ScsBuildError]]:
    made: list[BuiltImage] = []
    failures: dict[str, ScsBuildError] = {}
    for image in plan.images:
        outcome = outcomes.get(image.step.name) or result_of(store, image.step)
        if isinstance(outcome, ScsBuildError):
            failures[image.name] = outcome
        elif isinstance(outcome, dict):
            spent = sum(seconds.get(planned.step.name, 0.0) for planned in _own(image))
            key, origin = image.step.key, image.origin
            made.append(BuiltImage(image.name, key, image.action, spent, outcome, origin))
    return tuple(made), failures


def _own(image: PlannedImage) -> list[Any]:
    return [planned for planned in image.steps if planned.step.subject == image.name]
