"""Runs the steps of a plan: in parallel, each once, stopping a change where a result stays the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from functools import partial

from scs_build.build.kinds import RUNNERS
from scs_build.build.records import Record
from scs_build.build.workshop import Workshop, tree_chain
from scs_build.engines.spec import Engine
from scs_build.engines.tools import ToolsTree
from scs_build.errors import ScsBuildError
from scs_build.plan.graph import Graph
from scs_build.plan.history import remember, result_of, usable
from scs_build.plan.step import Step
from scs_build.progress import Progress
from scs_build.store.store import Store

Outcome = Record | BaseException


class Executor:
    """Makes steps on demand; a step's thread waits for the steps before it, a slot, then runs it."""

    def __init__(
        self,
        graph: Graph,
        store: Store,
        make_engine: Callable[[ToolsTree], Engine],
        jobs: int,
        progress: Progress,
    ) -> None:
        self._graph = graph
        self._store = store
        self._progress = progress
        self._records: dict[str, Record] = {}
        self._shop = Workshop(graph, store, make_engine, jobs, progress, self._records)
        self._slots = threading.Semaphore(jobs)
        self._futures: dict[str, Future[Record]] = {}
        self._guard = threading.Lock()
        self._running: set[str] = set()
        self._stopped = threading.Event()
        self.seconds: dict[str, float] = {}

    def make(self, steps: Iterable[Step]) -> dict[str, Outcome]:
        """Make these steps; each name maps to its record or to the error that kept it from being made.

        Nothing runs any more when it returns: where a step failed, those beside it that still run are waited
        for, as what they make is of use to the next build, and no other is started.
        """
        futures = {step.name: self._future(step) for step in steps}
        try:
            outcomes = {name: _outcome(future) for name, future in futures.items()}
            if any(isinstance(outcome, BaseException) for outcome in outcomes.values()):
                self._settle()
        except BaseException:
            self.stop()
            raise
        return outcomes

    def _settle(self) -> None:
        """Start nothing more, and wait for what runs beside a step that failed."""
        with self._guard:
            self._stopped.set()
            running = sorted(self._running)
        if running:
            self._progress.say(f"a step failed; waiting for what still runs: {', '.join(running)}")
        for name in running:
            _outcome(self._futures[name])

    def stop(self) -> None:
        """Start nothing more and end what runs."""
        self._stopped.set()
        cancel = getattr(self._shop.__dict__.get("engine"), "cancel", None)
        if cancel:
            cancel()

    def _future(self, step: Step) -> Future[Record]:
        with self._guard:
            future = self._futures.get(step.name)
            if future is None:
                future = self._futures[step.name] = Future()
                # A thread of its own: a step's sandbox ends with the thread that started it.
                threading.Thread(target=self._work, args=(step, future), daemon=True, name=step.name).start()
        return future

    def _work(self, step: Step, future: Future[Record]) -> None:
        try:
            record = self._realise(step)
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the step
            future.set_exception(error)
        else:
            self._records[step.name] = record
            future.set_result(record)
        finally:
            with self._guard:
                self._running.discard(step.name)

    def _gather(self, steps: Iterable[Step]) -> Mapping[str, Record]:
        waiting = {step.name: self._future(step) for step in steps}
        return {name: future.result() for name, future in waiting.items()}

    def _realise(self, step: Step) -> Record:
        record = result_of(self._store, step)
        if record is not None:
            return record
        before = self._gather(step.needs)
        resolved = step.resolved_key({name: record["result"] for name, record in before.items()})
        with self._store.lock(f"step-{resolved}"):
            record = usable(self._store, self._store.record(resolved))
            if record is None:
                self._gather(part for other in (*step.needs, *step.runs_on) for part in tree_chain(other))
                record = self._run(step)
                self._store.put_record(resolved, record)
        remember(self._store, self._graph.series.name, step, record)
        return record

    def _run(self, step: Step) -> Record:
        with self._slots:
            with self._guard:
                if self._stopped.is_set():
                    raise KeyboardInterrupt
                self._running.add(step.name)
            started = time.monotonic()
            with self._progress.task(step.name.replace(":", " ")):
                shop = self._shop.at(step)
                record = RUNNERS[step.kind](shop, step)
            if shop.rules.parts:
                record["rules"] = shop.matched()
            self.seconds[step.name] = time.monotonic() - started
        return record


def _outcome(future: Future[Record]) -> Outcome:
    # A bounded wait, again and again, lets a signal reach the main thread.
    waiting = partial(future.exception, timeout=0.2)
    while True:
        try:
            error = waiting()
        except TimeoutError:
            if future.done():
                raise
            continue
        if error is None:
            return future.result()
        if isinstance(error, ScsBuildError):
            return error
        raise error
