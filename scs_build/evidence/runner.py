"""Running checks on images: in parallel, and remembered as long as nothing changed that they look at."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from scs_build.canonical import digest_of, sha256_file
from scs_build.errors import ScsBuildError
from scs_build.evidence.check import Check, Finding, Outcome
from scs_build.evidence.content import is_remembered, layer_items
from scs_build.evidence.statement import Statement
from scs_build.evidence.subject import Subject
from scs_build.plan.graph import Graph
from scs_build.plan.history import usable
from scs_build.progress import Progress
from scs_build.store.store import Store

# Raised by whatever changes a record or a statement.
FORMAT = 1


@dataclass(frozen=True)
class Verdict:
    """What one check said of one image; `statement` is the digest of the statement, a blob of the store.

    `seconds` is what it took now, 0 when it was remembered.
    """

    image: str
    digest: str
    check: str
    predicate_type: str
    statement: str
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether nothing was found that is not accepted."""
        return Outcome({}, self.findings).ok

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as a line of `check --json`."""
        return {
            "image": self.image,
            "digest": self.digest,
            "check": self.check,
            "ok": self.ok,
            "findings": [finding.to_json() for finding in self.findings],
            "predicate_type": self.predicate_type,
            "statement": self.statement,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class CheckRun:
    """What checks said of images, and which could not be made: image and check to the error."""

    verdicts: tuple[Verdict, ...]
    failures: Mapping[tuple[str, str], ScsBuildError] = field(default_factory=dict)

    @property
    def statements(self) -> dict[tuple[str, str], str]:
        """The digest of each statement by image and check."""
        return {(verdict.image, verdict.check): verdict.statement for verdict in self.verdicts}


@dataclass(frozen=True)
class _Task:
    subject: Subject
    check: Check
    key: str

    @property
    def pair(self) -> tuple[str, str]:
        return self.subject.name, self.check.name

    @property
    def reads(self) -> bool:
        return bool(getattr(self.check, "reads_layers", True))


def run_checks(
    graph: Graph, store: Store, names: Sequence[str], checks: Sequence[Check], jobs: int, progress: Progress
) -> CheckRun:
    """Run every check on every image; what fails for one image stops nothing else.

    An outcome without a finding to mend is remembered with what it was made from. Others are looked for
    again each time.
    """
    verdicts: dict[tuple[str, str], Verdict] = {}
    with store.use():
        tasks, failures = _tasks(graph, store, names, checks, jobs)
        unknown = []
        for task in tasks:
            if found := _remembered(store, task):
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
    graph: Graph, store: Store, names: Sequence[str], checks: Sequence[Check], jobs: int
) -> tuple[list[_Task], dict[tuple[str, str], ScsBuildError]]:
    """Return what is to be done, and what is known already to be impossible."""
    tasks: list[_Task] = []
    failures: dict[tuple[str, str], ScsBuildError] = {}
    for name in names:
        try:
            subject = Subject.of(graph, store, name, jobs)
            tasks += [_task(subject, check) for check in checks]
        except ScsBuildError as error:
            failures |= dict.fromkeys(((name, check.name) for check in checks), error)
    return tasks, failures


def _task(subject: Subject, check: Check) -> _Task:
    key = digest_of({
        "evidence": FORMAT,
        "check": check.name,
        "predicate_type": check.predicate_type,
        "image": [subject.name, subject.digest],
        "inputs": dict(check.inputs(subject)),
    })  # fmt: skip
    return _Task(subject, check, key)


def _remembered(store: Store, task: _Task) -> Verdict | None:
    record = usable(store, store.record(task.key))
    # Whoever edited a statement beside the images may have edited the store's: they share the file.
    if record is None or f"sha256:{sha256_file(store.blob(record['statement']))}" != record["statement"]:
        return None
    findings = tuple(Finding(**finding) for finding in record["findings"])
    return _verdict(task, record["statement"], findings, 0.0)


def _verdict(task: _Task, statement: str, findings: tuple[Finding, ...], seconds: float) -> Verdict:
    subject, check = task.subject, task.check
    return Verdict(
        subject.name, subject.digest, check.name, check.predicate_type, statement, findings, seconds
    )


def _run(
    store: Store, tasks: Sequence[_Task], jobs: int, progress: Progress
) -> Iterable[tuple[_Task, Verdict | ScsBuildError]]:
    """Read what has to be read, every layer once, while the checks run that read nothing; then the others."""
    if not tasks:
        return []
    with ThreadPoolExecutor(jobs) as pool:
        try:
            done = {id(task): pool.submit(_attempt, store, task) for task in tasks if not task.reads}
            _read_layers(store, [task.subject for task in tasks if task.reads], pool, progress)
            done |= {id(task): pool.submit(_attempt, store, task) for task in tasks if task.reads}
            with progress.task("check", len(tasks), "checks") as shown:
                return [(task, _result(done[id(task)], shown.advance)) for task in tasks]
        except BaseException:
            _cancel(tasks)
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _read_layers(
    store: Store, subjects: Iterable[Subject], pool: ThreadPoolExecutor, progress: Progress
) -> None:
    layers = {layer["digest"]: layer for subject in subjects for layer in subject.record["layers"]}
    missing = [layer for layer in layers.values() if not is_remembered(store, layer["digest"])]
    if not missing:
        return
    # The largest first: the time of all is that of the one that ends last.
    missing.sort(key=lambda layer: -layer["unpacked"])
    size = sum(layer["unpacked"] for layer in missing)
    with progress.task("read layers", size, "bytes") as shown:
        reading = [(layer, pool.submit(layer_items, store, layer["digest"])) for layer in missing]
        for layer, future in reading:
            # What is wrong with a layer is told by the checks that need it.
            _error(future)
            shown.advance(layer["unpacked"])


def _attempt(store: Store, task: _Task) -> Verdict | ScsBuildError:
    began = time.monotonic()
    try:
        outcome = task.check.run(task.subject)
        verdict = _keep(store, task, outcome, time.monotonic() - began)
    except ScsBuildError as error:
        return error
    return verdict


def _keep(store: Store, task: _Task, outcome: Outcome, seconds: float) -> Verdict:
    """Put the statement into the store, and remember an outcome that has nothing to mend."""
    subject = task.subject
    statement = Statement(subject.name, subject.digest, task.check.predicate_type, outcome.predicate)
    digits = store.add_bytes(statement.to_bytes())
    if outcome.ok:
        record = {
            "statement": f"sha256:{digits}",
            "findings": [finding.to_json() for finding in outcome.findings],
            "uses": {"blobs": [digits, *outcome.blobs], "trees": []},
        }
        store.put_record(task.key, record)
    return _verdict(task, f"sha256:{digits}", outcome.findings, seconds)


def _result(future: Future[Verdict | ScsBuildError], advance: Callable[[], None]) -> Verdict | ScsBuildError:
    if error := _error(future):
        raise error
    advance()
    return future.result()


def _error(future: Future[Any]) -> BaseException | None:
    """Wait for the end; in short turns, so that a signal reaches the main thread."""
    while True:
        try:
            return future.exception(timeout=0.2)
        except TimeoutError:
            if future.done():
                raise


def _cancel(tasks: Iterable[_Task]) -> None:
    for cancel in {getattr(task.check, "cancel", None) for task in tasks}:
        if cancel:
            cancel()
