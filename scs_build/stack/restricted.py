"""The native way to run an image with nothing but what it declares: bubblewrap on its unpacked layers."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from scs_build.build.runnable import RunnableImage, runnable_images
from scs_build.engines.sandbox import Sandbox, divided, enter_argv, sandbox_argv
from scs_build.engines.tools import ToolsTree
from scs_build.errors import EngineError, ProgramError
from scs_build.evidence.restricted import Ran, Restricted
from scs_build.evidence.subject import Subject
from scs_build.progress import Progress
from scs_build.recipes.models import Health
from scs_build.run import run
from scs_build.stack.probe import question
from scs_build.stack.processes import SandboxProcess
from scs_build.stack.single import Wish, sandbox_of

STATUSES = range(-64, 256)
# Statuses of what a signal ended begin here.
SIGNALLED = 128
GRACE_SECONDS = 10.0
POLL_SECONDS = 0.1
OUTPUT_BYTES = 64 << 10
# Limits are set by a shell before the sandbox is made: they are inherited, and cannot be raised again.
LIMITS = 'ulimit -c 0; ulimit -d "$1"; shift; exec "$@"'
USE_ROOT = "run scs-build as root"


class NativeRunner:
    """Runs images in sandboxes; `find_tools` gives the tools tree when the first one is run."""

    name = "native"

    def __init__(self, find_tools: Callable[[], ToolsTree], progress: Progress) -> None:
        self._find_tools = find_tools
        self._progress = progress
        self._lock = threading.Lock()
        self._cancelled = False
        self._running: set[SandboxProcess] = set()

    @cached_property
    def _tools(self) -> ToolsTree:
        return self._find_tools()

    def run(self, subject: Subject, asked: Restricted) -> Ran:
        """Run a command as `Runner.run` says."""
        with _log() as log, self._started(subject, asked, log) as (process, _, _):
            status = process.wait(asked.timeout)
            if status is None:
                process.kill()
                process.wait()
            output = _end_of(log)
        if status is None:
            return Ran(f"did not end within {asked.timeout:g} s", output)
        return Ran(_problem(status, output), output)

    def serve(self, subject: Subject, asked: Restricted, health: Health, port: int | None) -> Ran:
        """Run a service as `Runner.serve` says."""
        with _log() as log, self._started(subject, asked, log) as (process, sandbox, environment):
            try:
                problem = self._until_healthy(process, sandbox, asked, health, port, environment)
            finally:
                killed = process.stop(signal.SIGTERM, GRACE_SECONDS)
            status = process.wait() or 0
            output = _end_of(log)
        return Ran(problem or told_to_end(status, killed=killed), output)

    def cancel(self) -> None:
        """End what runs, and start nothing more."""
        with self._lock:
            self._cancelled = True
            for process in self._running:
                process.kill()

    def close(self) -> None:
        """Give back nothing: unpacked layers belong to the store."""

    @contextmanager
    def _started(
        self, subject: Subject, asked: Restricted, log: Path
    ) -> Iterator[tuple[SandboxProcess, Sandbox, dict[str, str]]]:
        """Lend a process that was started, its sandbox and its environment; `cancel` ends it."""
        image, sandbox = self._sandbox(subject, asked)
        environment = {**image.environment, **asked.environment}
        limit = str(asked.memory // 1024)
        argv = self._tools.argv("dash", "-c", LIMITS, "limits", limit, *sandbox_argv(self._tools, sandbox))
        with self._lock:
            if self._cancelled:
                raise KeyboardInterrupt
            process = SandboxProcess(self._tools, argv, environment, log)
            self._running.add(process)
        try:
            yield process, sandbox, environment
        finally:
            with self._lock:
                self._running.discard(process)
            process.kill()
        if self._cancelled:
            raise KeyboardInterrupt

    def _sandbox(self, subject: Subject, asked: Restricted) -> tuple[RunnableImage, Sandbox]:
        if os.geteuid() != 0:
            raise EngineError("running images needs root", solution=USE_ROOT)
        images = runnable_images(subject.graph, subject.store, [subject.name], subject.jobs, self._progress)
        image = images[subject.name]
        wish = Wish(command=asked.command, environment=asked.environment)
        sandbox = sandbox_of(image, wish, asked.writable)
        return image, replace(sandbox, capabilities=asked.capabilities)

    def _until_healthy(
        self, process: SandboxProcess, sandbox: Sandbox, asked: Restricted, health: Health,
        port: int | None, environment: dict[str, str],
    ) -> str:  # fmt: skip
        """Ask until the service is well; return why it is not, empty when it is."""
        answer = "nobody could be asked"
        deadline = time.monotonic() + asked.timeout
        while time.monotonic() < deadline:
            if (status := process.wait(POLL_SECONDS)) is not None:
                return f"ended with status {status} before it was healthy"
            if init := process.init():
                answer = self._ask(init, sandbox, health, port, environment)
                if not answer:
                    return ""
        return f"is not healthy after {asked.timeout:g} s ({answer})"

    def _ask(
        self, init: int, sandbox: Sandbox, health: Health, port: int | None, environment: dict[str, str]
    ) -> str:
        if not health.command:  # it is a program of ours that asks
            sandbox = replace(sandbox, loader={})
        argv = enter_argv(self._tools, sandbox, init, question(self._tools, health, port))
        try:
            done = run(argv, env=divided(environment)[0], timeout=GRACE_SECONDS, accept=STATUSES)
        except ProgramError as error:
            return error.reason.splitlines()[0]
        lines = (done.stdout + done.stderr).decode(errors="replace").strip().splitlines()
        return "" if done.status == 0 else lines[-1] if lines else f"status {done.status}"


@contextmanager
def _log() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="scs-build-") as folder:
        log = Path(folder, "log")
        log.touch()
        yield log


def _end_of(log: Path) -> str:
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - OUTPUT_BYTES))
        return stream.read().decode(errors="replace")


def _problem(status: int, output: str) -> str:
    """Return what is wrong with an end; raises `EngineError` when there was no sandbox to begin with."""
    lines = output.splitlines()
    if status == 1 and len(lines) == 1 and lines[0].startswith("bwrap: "):
        raise EngineError(f"no sandbox: {lines[0]}", solution="run `scs-build doctor`")
    return ended(status)


def ended(status: int) -> str:
    """Return what is wrong with the end of a command; empty when nothing is."""
    if status == 0:
        return ""
    return (
        f"was ended by signal {status - SIGNALLED}" if status > SIGNALLED else f"ended with status {status}"
    )


def told_to_end(status: int, *, killed: bool) -> str:
    """Return what is wrong with how a service ended when it got SIGTERM; empty when nothing is."""
    if killed:
        return f"did not end within {GRACE_SECONDS:g} s when it was told to (SIGTERM)"
    good = status in (0, SIGNALLED + signal.SIGTERM)
    return "" if good else f"ended with status {status} when it was told to end"
