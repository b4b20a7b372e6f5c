"""Running checks on images: in parallel, and remembered as long as nothing changed that they look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

from scs_build.errors import ScsBuildError
from scs_build.evidence.check import Check
from scs_build.evidence.looking import looking
from scs_build.evidence.subject import Subject
from scs_build.evidence.task import Task, Verdict, attempt, known_verdict, task_of
from scs_build.plan.graph import Graph
from scs_build.progress import Progress
from scs_build.store.store import Store


@dataclass(frozen=True)
class CheckRun:
    """What checks said of images, and which could not be made: image and check to the error."""

    verdicts: tuple[Verdict, ...]
    failures: Mapping[tuple[str, str], ScsBuildError] = field(default_factory=dict)


def run_checks(
    graph: Graph, store: Store, names: Sequence[str], checks: Sequence[Check], jobs: int, progress: Progress
) -> CheckRun:
    """Run every check on every image; what fails for one image stops nothing else.

    An outcome without a finding to mend is remembered with what it was made from. Others are looked for
    again each time.
    """
    verdicts: dict[tuple[str, str], Verdict] = {}
    with store.use():
        tasks, failures = _tasks(graph, store, names, checks)
        unknown = []
        for task in tasks:
            if found := known_verdict(store, task):
                verdicts[task.pair] = found
            else:
                unknown.append(task)
        for task, outcome in _run(store, unknown, jobs, progress):
            if isinstance(outcome, ScsBuildError):
                failures[task.pair] = outcome
            else:
                verdicts[task.pair] = outcome
    order = [(name, check.name) for name in names for check in checks]
    return CheckRun(
        tuple(verdicts[pair] for pair in order if pair in verdicts),
        {pair: failures[pair] for pair in order if pair in failures},
    )


def _tasks(
    graph: Graph, store: Store, names: Sequence[str], checks: Sequence[Check]
) -> tuple[list[Task], dict[tuple[str, str], ScsBuildError]]:
    """Return what is to be done, and what is known already to be impossible."""
    tasks: list[Task] = []
    failures: dict[tuple[str, str], ScsBuildError] = {}
    for name in names:
        try:
            subject = Subject.of(graph, store, name)
            tasks += [task_of(subject, check) for check in checks]
        except ScsBuildError as error:
            failures |= dict.fromkeys(((name, check.name) for check in checks), error)
    return tasks, failures


def _run(
    store: Store, tasks: Sequence[Task], jobs: int, progress: Progress
) -> list[tuple[Task, Verdict | ScsBuildError]]:
    """Do the checks that read, and beside them those that run something, which mostly wait.

    With a single job they come one after the other.
    """
    reading = [task for task in tasks if task.reads]
    running = [task for task in tasks if not task.reads]
    if not tasks:
        return []
    # Before there is any thread: the pool has some, and so has a progress that moves.
    with looking(store, reading, jobs) as work, ThreadPoolExecutor(jobs) as pool:
        try:
            with (
                progress.task("check", len(tasks), "checks") as shown,
                closing(work.results(progress, shown.advance)) as looked,
            ):
                done = list(looked) if jobs == 1 else []
                futures = [(task, pool.submit(attempt, store, task)) for task in running]
                done += looked
                for task, future in futures:
                    done.append((task, _result(future)))
                    shown.advance()
                return done
        except BaseException:
            _cancel(running)
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _result(future: Future[Verdict | ScsBuildError]) -> Verdict | ScsBuildError:
    """Wait for the end; in short turns, so that a signal reaches the main thread."""
    while True:
        try:
            return future.result(timeout=0.2)
        except TimeoutError:
            if future.done():
                raise


def _cancel(tasks: Iterable[Task]) -> None:
    for cancel in {getattr(task.check, "cancel", None) for task in tasks}:
        if cancel:
            cancel()
