"""Bringing back what evidence about built images is found in, where a collection took it away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scs_build.build.build import Options, fetch_missing
from scs_build.build.executor import Executor
from scs_build.inputs.artefact import Artefact
from scs_build.plan.graph import Graph
from scs_build.plan.history import result_of
from scs_build.plan.plan import missing_steps
from scs_build.plan.step import Step
from scs_build.progress import Progress
from scs_build.store.store import Store


def restore(graph: Graph, store: Store, names: Sequence[str], options: Options, progress: Progress) -> None:
    """Fetch the artefacts that images keep, and compile their wheels, where they are gone.

    Images that are not built are passed over. Offline nothing is fetched: what the artefacts hold may be
    remembered, and where it is not, whoever asks gets a `StoreError`.
    """
    built = [name for name in names if result_of(store, graph.image(name)) is not None]
    steps = {step.name: step for name in built for step in graph.image(name).closure().values()}
    wheels = [step for step in steps.values() if step.kind == "wheel"]
    missing: dict[str, Step] = {}
    for step in wheels:
        missing_steps(store, step, missing)
    lost = [] if options.offline else _lost(graph, store, built, wheels)
    if not (missing or lost):
        return
    with store.use():
        fetch_missing(lost, store, options, progress)
        fetch_missing([a for step in missing.values() for a in step.artefacts], store, options, progress)
        executor = Executor(graph, store, options.make_engine, options.jobs, progress)
        for outcome in executor.make(missing.values()).values():
            if isinstance(outcome, BaseException):
                raise outcome


def _lost(graph: Graph, store: Store, names: Iterable[str], wheels: Iterable[Step]) -> list[Artefact]:
    """Return the artefacts that images keep as they are and the store does not hold."""
    compiled = {step.artefacts[0].sha256 for step in wheels}
    locks = [graph.lock(component.name) for name in names for component in graph.lineage(name)]
    kept = {a.sha256: a for lock in locks for a in lock.artefacts if a.role == "image"}
    return [a for a in kept.values() if a.sha256 not in compiled and not store.has(a.sha256, a.size)]
