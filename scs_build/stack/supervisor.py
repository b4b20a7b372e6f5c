"""Starting the services of a stack as their dependencies allow, watching them, and ending them."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue

from scs_build.engines.sandbox import enter_argv, sandbox_argv
from scs_build.engines.tools import ToolsTree
from scs_build.errors import CheckFailed
from scs_build.stack.compose import Compose, Dependency, Service, seconds_of
from scs_build.stack.health import Health
from scs_build.stack.launch import Launch
from scs_build.stack.processes import SandboxProcess
from scs_build.stack.reader import start_order

TAIL_LINES = 15
TAIL_BYTES = 16384
READY = "ready"
ENDED = "ended"
UNHEALTHY = "unhealthy"

Tell = Callable[..., None]


@dataclass(frozen=True)
class Event:
    """Something that happened to a service: it got ready, it ended with a status, or it is unhealthy."""

    service: str
    kind: str
    status: int = 0
    text: str = ""


@dataclass
class Running:
    """A service that was started; `seconds` from then until it was ready."""

    process: SandboxProcess
    began: float
    health: Health | None = None
    healthy: bool = False
    status: int | None = None
    seconds: float | None = None
    stopped: dict[str, object] = field(default_factory=dict)


class Supervisor:
    """Runs the services of one stack; used by one thread.

    `prepare` makes the sandbox of a service, `tell` hears what happens (service, event, seconds), each
    log is `<logs>/<service>.log`.
    """

    def __init__(
        self, compose: Compose, tools: ToolsTree, logs: Path, prepare: Callable[[str], Launch], tell: Tell
    ) -> None:
        self._services: Mapping[str, Service] = compose.services
        self._order = start_order(compose)
        self._tools, self._logs, self._prepare, self._tell = tools, logs, prepare, tell
        self._events: Queue[Event] = Queue()
        self.running: dict[str, Running] = {}
        self._steps = {
            name
            for service in compose.services.values()
            for name, dependency in service.depends_on.items()
            if dependency.condition == "service_completed_successfully"
        }

    def start(self, within: float) -> None:
        """Start everything and return when all of it is ready; raises `CheckFailed` when that fails."""
        deadline = time.monotonic() + within
        self._start_possible()
        while not all(self._is_ready(name) for name in self._services):
            try:
                event = self._events.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                late = next(name for name in self._flat() if not self._is_ready(name))
                raise self._failure(late, f"is not ready after {within:g} s") from None
            self._take(event)
            self._start_possible()

    def check(self) -> None:
        """Raise `CheckFailed` if a service ended or got unhealthy since the last look."""
        while True:
            try:
                self._take(self._events.get_nowait())
            except Empty:
                return

    def stop(self) -> dict[str, dict[str, object]]:
        """End what runs, dependents first; return status, seconds and `killed` of each service by name.

        What had to be killed or ended badly is for `check_ends` to judge.
        """
        for running in self.running.values():
            if running.health:
                running.health.stop()
        for group in reversed(self._order):
            alive = [name for name in group if name in self.running and self.running[name].status is None]
            if alive:
                with ThreadPoolExecutor(len(alive)) as pool:
                    list(pool.map(self._stop_one, alive))
        return {name: running.stopped for name, running in self.running.items() if running.stopped}

    def check_ends(self) -> None:
        """Raise `CheckFailed` if a service that was stopped did not end by itself, in time and well."""
        for name, running in self.running.items():
            signalled = 128 + signal.Signals[self._services[name].stop_signal]
            if running.stopped.get("killed"):
                raise self._failure(name, "did not end when it was told to, and had to be killed")
            if running.stopped and running.status not in (0, signalled):
                raise self._failure(name, f"ended with status {running.status} when it was told to end")

    def _flat(self) -> list[str]:
        return [name for group in self._order for name in group]

    def _stop_one(self, name: str) -> None:
        service, running = self._services[name], self.running[name]
        began = time.monotonic()
        number = signal.Signals[service.stop_signal]
        killed = running.process.stop(number, seconds_of(service.stop_grace_period))
        running.status = running.process.wait()
        spent = round(time.monotonic() - began, 3)
        running.stopped = {"status": running.status, "seconds": spent, "killed": killed}
        self._tell(name, "stopped", spent)

    def _start_possible(self) -> None:
        for name in self._flat():
            if name not in self.running and self._may_start(name):
                self._start_one(name)

    def _may_start(self, name: str) -> bool:
        return all(
            other in self.running and self._fulfils(self.running[other], dependency)
            for other, dependency in self._services[name].depends_on.items()
        )

    @staticmethod
    def _fulfils(running: Running, dependency: Dependency) -> bool:
        if dependency.condition == "service_completed_successfully":
            return running.status == 0
        return dependency.condition == "service_started" or running.healthy

    def _is_ready(self, name: str) -> bool:
        return name in self.running and self.running[name].seconds is not None

    def _start_one(self, name: str) -> None:
        launch = self._prepare(name)
        self._tell(name, "started", 0.0)
        process = SandboxProcess(
            self._tools,
            sandbox_argv(self._tools, launch.sandbox),
            launch.environment,
            self._log(name),
            lambda status: self._events.put(Event(name, ENDED, status)),
        )
        running = self.running[name] = Running(process, time.monotonic())
        check = self._services[name].healthcheck
        if check:
            running.health = Health(check, lambda: self._test_argv(launch, process), launch.environment)
            running.health.watch(
                lambda: self._events.put(Event(name, READY)),
                lambda text: self._events.put(Event(name, UNHEALTHY, text=text)),
            )
        elif name not in self._steps:
            self._ready(name)

    def _test_argv(self, launch: Launch, process: SandboxProcess) -> list[str] | None:
        # With a command in it, its mounts are complete.
        pid = process.init() if process.command() else None
        return enter_argv(self._tools, launch.sandbox, pid, launch.test) if pid else None

    def _take(self, event: Event) -> None:
        name = event.service
        running = self.running[name]
        if event.kind == READY:
            running.healthy = True
            if name not in self._steps:
                self._ready(name)
        elif event.kind == UNHEALTHY:
            raise self._failure(name, f"is not healthy: {event.text or 'its check gave no answer'}")
        else:
            running.status = event.status
            if running.health:
                running.health.stop()
            if name not in self._steps or event.status != 0:
                raise self._failure(name, f"ended with status {event.status}")
            self._ready(name)

    def _ready(self, name: str) -> None:
        running = self.running[name]
        running.seconds = round(time.monotonic() - running.began, 3)
        self._tell(name, "ready", running.seconds)

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _failure(self, name: str, what: str) -> CheckFailed:
        self._tell(name, "failed", 0.0)
        log = self._log(name)
        lines = "".join(f"\n    {line}" for line in tail(log)) or "\n    (it wrote nothing)"
        return CheckFailed(f"the service {name} {what}{lines}", solution=f"its whole log: {log}")


def tail(log: Path, count: int = TAIL_LINES) -> list[str]:
    """Return the last lines of a log; none when there is no log."""
    if not log.is_file():
        return []
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - TAIL_BYTES))
        return list(deque(stream.read().decode(errors="replace").splitlines(), maxlen=count))
