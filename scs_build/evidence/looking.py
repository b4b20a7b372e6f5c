"""Checks that look at the bytes of images, over processes: every layer and artefact is read once for all."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from scs_build.errors import ScsBuildError
from scs_build.evidence.content import is_remembered, layer_items
from scs_build.evidence.sources import Source, described, is_described, sources_of
from scs_build.evidence.task import Task, Verdict, attempt
from scs_build.evidence.workers import Unit, Workers, forked
from scs_build.progress import Progress
from scs_build.store.store import Store

# Artefacts that are described together: some take a millisecond each.
TOGETHER = 8


@dataclass(frozen=True)
class Looking:
    """What is to be done for some tasks: first the units that read layers, at last those of the tasks."""

    workers: Workers
    layers: Sequence[Mapping[str, Any]]
    tasks: Sequence[Task]

    def results(
        self, progress: Progress, advance: Callable[[], None]
    ) -> Generator[tuple[Task, Verdict | ScsBuildError], None, None]:
        """Yield each task and its answer, in the order in which they end."""
        first = len(self.workers.units) - len(self.tasks)
        with ExitStack() as reading:
            size, left = sum(layer["unpacked"] for layer in self.layers), len(self.layers)
            shown = reading.enter_context(progress.task("read layers", size, "bytes")) if left else None
            for number, result in self.workers.results():
                if shown and number < len(self.layers):
                    shown.advance(self.layers[number]["unpacked"])
                    left -= 1
                    if not left:
                        reading.close()
                if number >= first:
                    yield self.tasks[number - first], result
                    advance()


@contextmanager
def looking(store: Store, tasks: Sequence[Task], jobs: int) -> Iterator[Looking]:
    """Lend what does these tasks; see `forked`."""
    layers = _unread(store, tasks)
    units = [Unit(partial(_read, store, layer["digest"])) for layer in layers]
    place = {layer["digest"]: number for number, layer in enumerate(layers)}
    artefacts = _undescribed(store, tasks)
    some = [artefacts[start : start + TOGETHER] for start in range(0, len(artefacts), TOGETHER)]
    units += [Unit(partial(_describe, store, sources)) for sources in some]
    describing = frozenset(range(len(layers), len(units)))
    # What takes longest begins first: the time of all is that of the one that ends last.
    ordered = sorted(tasks, key=lambda task: -sum(layer["unpacked"] for layer in _layers(task)))
    for task in ordered:
        own = {place[layer["digest"]] for layer in _layers(task) if layer["digest"] in place}
        units.append(Unit(partial(attempt, store, task), describing | own))
    with forked(units, jobs) as workers:
        yield Looking(workers, layers, ordered)


def _layers(task: Task) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = task.subject.record["layers"]
    return found


def _unread(store: Store, tasks: Sequence[Task]) -> list[Mapping[str, Any]]:
    """Return the layers of which the store does not know what they hold, the largest first."""
    layers = {layer["digest"]: layer for task in tasks for layer in _layers(task)}
    missing = [layer for layer in layers.values() if not is_remembered(store, layer["digest"])]
    return sorted(missing, key=lambda layer: -layer["unpacked"])


def _undescribed(store: Store, tasks: Sequence[Task]) -> list[Source]:
    """Return the artefacts of the images of which the store does not know what they say."""
    found: dict[str, Source] = {}
    for subject in {task.subject.name: task.subject for task in tasks}.values():
        with suppress(ScsBuildError):
            found |= {s.built.sha256: s for s in sources_of(subject.graph, store, subject.name)}
    return [source for source in found.values() if not is_described(store, source)]


def _read(store: Store, digest: str) -> None:
    # What is wrong with a layer, or an artefact, is told by the checks that need it.
    with suppress(ScsBuildError, OSError):
        layer_items(store, digest)


def _describe(store: Store, sources: Sequence[Source]) -> None:
    for source in sources:
        with suppress(ScsBuildError, OSError):
            described(store, source)
