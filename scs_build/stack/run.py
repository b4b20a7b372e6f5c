"""Running a stack from the outside: private namespaces, progress, the answer, and a clean end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import scs_build
from scs_build import errors
from scs_build.build.runnable import RunnableImage
from scs_build.engines.sandbox import namespace_argv
from scs_build.engines.tools import ToolsTree
from scs_build.errors import EngineError, ProgramError, ScsBuildError
from scs_build.interrupts import interrupts
from scs_build.progress import Progress
from scs_build.stack.inside import Job
from scs_build.stack.processes import SandboxProcess
from scs_build.store.store import Store

# Longer than any stack needs, on the slowest machine; a service that cannot get ready fails much sooner.
READY_SECONDS = 600.0
END_SECONDS = 60.0


@dataclass(frozen=True)
class StackRun:
    """What a run of a stack found: `facts` of proof and services; `seconds` from start to end."""

    name: str
    series: str
    images: tuple[RunnableImage, ...]
    seconds: float
    facts: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return the object that `prove --json` prints."""
        return {
            "stack": self.name,
            "series": self.series,
            "seconds": round(self.seconds, 3),
            "images": [
                {"name": i.name, "digest": i.digest, "packed_bytes": i.packed, "unpacked_bytes": i.unpacked}
                for i in self.images
            ],
            **self.facts,
        }


@dataclass
class _Listener:
    """Turns the lines of the inner process into progress and keeps its answer."""

    progress: Progress
    answer: dict[str, Any] = field(default_factory=dict)
    tasks: dict[str, AbstractContextManager[Any]] = field(default_factory=dict)

    def take(self, line: str) -> None:
        event = json.loads(line)
        service = event.get("service")
        if service is None:
            self.answer = event
        elif event["event"] == "started":
            self.tasks[service] = self.progress.task(f"start {service}")
            self.tasks[service].__enter__()
        elif event["event"] == "ready":
            self._leave(service, None)
        elif event["event"] == "failed":
            self._leave(service, ScsBuildError(service))

    def close(self) -> None:
        for service in list(self.tasks):
            self._leave(service, ScsBuildError(service))

    def _leave(self, service: str, error: Exception | None) -> None:
        task = self.tasks.pop(service, None)
        if task is None:
            return
        try:
            if task.__exit__(type(error) if error else None, error, None):
                return
        except ScsBuildError:
            return


def run_stack(
    compose: Path, series: str, images: dict[str, RunnableImage], tools: ToolsTree, store: Store, logs: Path,
    progress: Progress,
) -> StackRun:  # fmt: skip
    """Run the stack of a Compose file until it is proved, end it, and return what was found.

    All of it happens in one private network and PID namespace, volumes and secrets in memory; the logs of
    the services are put into `logs`. Raises `CheckFailed` when a service or the proof fails, and
    `EngineError` when this machine cannot run it. Whatever kills this process ends all of it.
    """
    if os.geteuid() != 0:
        raise EngineError("running images needs root", solution="run scs-build as root")
    began = time.monotonic()
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    with store.scratch("stack") as folder:
        private = folder / "private"
        private.mkdir()
        job = Job(
            compose.resolve(), series, tools.path, private, logs.resolve(), images, began, READY_SECONDS
        )
        job.write(folder / "job.json")
        with interrupts():
            facts = _run_inside(namespace_argv(tools, inner_argv(folder), (private,)), tools, progress)
    name = compose.parent.name
    return StackRun(name, series, tuple(images.values()), time.monotonic() - began, facts)


def inner_argv(folder: Path) -> list[str]:
    """Return the command that runs the job file of a folder."""
    return [sys.executable, "-m", "scs_build.stack.inside", str(folder / "job.json")]


def _run_inside(argv: list[str], tools: ToolsTree, progress: Progress) -> dict[str, Any]:
    listener = _Listener(progress)
    process = SandboxProcess(tools, argv, _environment(), line=listener.take)
    try:
        status = process.wait()
    except BaseException:
        process.stop(signal.SIGTERM, END_SECONDS)
        raise
    finally:
        listener.close()
    return _result(listener.answer, status, process.stderr)


def _environment() -> dict[str, str]:
    """The inner process asks nobody outside, so it gets no proxies; and it imports what we import."""
    return {
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": str(Path(scs_build.__file__).parents[1]),
    }


def _result(answer: dict[str, Any], status: int | None, stderr: bytes) -> dict[str, Any]:
    if "result" in answer:
        facts: dict[str, Any] = answer["result"]
        return facts
    error = answer.get("error", {})
    if error.get("error") == "KeyboardInterrupt":
        raise KeyboardInterrupt
    kind = getattr(errors, str(error.get("error")), None)
    if isinstance(kind, type) and issubclass(kind, ScsBuildError):
        raise kind(error["reason"], solution=error["solution"])
    output = "".join(f"\n    {line}" for line in stderr.decode(errors="replace").splitlines()[-TRACE_LINES:])
    raise ProgramError(f"the runner of the stack ended with status {status}{output}")


TRACE_LINES = 20
