"""The native engine: bubblewrap on an overlay, as root, without a daemon."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scs_build.engines.outcome import USE_ROOT, cancelled, failed, late_end, tail
from scs_build.engines.sandbox import Sandbox, sandbox_argv
from scs_build.engines.spec import (
    STEP_ENVIRONMENT,
    STEP_HOSTNAME,
    STEP_OPEN_FILES,
    STEP_UMASK,
    StepSpec,
)
from scs_build.engines.supervise import Leash, supervised_argv
from scs_build.engines.tools import ToolsTree
from scs_build.engines.upper import clean
from scs_build.errors import EngineError, ProgramError, ScsBuildError
from scs_build.run import command_line, run

STATUSES = range(-64, 256)
USE_ANOTHER = "use the docker engine, or a machine where root may mount (many containers may not)"
OVERLAY_PARAMETERS = Path("/sys/module/overlay/parameters")
# Sets what bubblewrap passes on to its command; the hard limits too, so that a step cannot tell hosts apart.
LIMITS = f'ulimit -c 0; ulimit -n {STEP_OPEN_FILES}; umask {STEP_UMASK:04o}; exec "$@"'


class NativeEngine:
    """Runs steps with the programs of a tools tree. Safe to use from many threads at once.

    `kill -9` of this process, at any moment, ends all its steps (they hold a `Leash`), and as all mounts
    are in the steps' own namespaces, none remains.
    """

    name = "native"

    def __init__(self, tools: ToolsTree) -> None:
        self._tools = tools
        self._running: set[Leash] = set()
        self._lock = threading.Lock()
        self._cancelled = False

    def run(self, spec: StepSpec, into: Path, log: Path) -> None:
        """Run the step as `Engine.run` says; `into` is the overlay's upper directory.

        Beside `into` there is a directory `<into>.work` for as long as the step runs.
        """
        if os.geteuid() != 0:
            raise EngineError("the native engine needs root", solution=USE_ROOT)
        into.chmod(0o755)  # it is the root directory that the step sees
        with _work_directory(into) as work:
            argv = self.argv(spec, into, work)
            status = self._start(spec, argv, log)
        if status != 0:
            raise self._failure(spec, status, argv, log)
        clean(into, spec.layers, spec.inputs)

    def argv(self, spec: StepSpec, upper: Path, work: Path) -> list[str]:
        """Return the argument list that runs the step with these directories of the overlay."""
        sandbox = Sandbox(
            layers=spec.layers,
            argv=spec.argv,
            upper=upper,
            work=work,
            inputs=spec.inputs,
            capabilities=spec.capabilities,
            environment={**STEP_ENVIRONMENT, **spec.environment},
            hostname=STEP_HOSTNAME,
        )
        return self._tools.argv("dash", "-c", LIMITS, "step", *sandbox_argv(self._tools, sandbox))

    def cancel(self) -> None:
        """Kill what runs; `run` raises `StepError` in the threads concerned, and from now on at once."""
        with self._lock:
            self._cancelled = True
            for leash in self._running:
                leash.cut()

    def check(self, scratch: Path | None = None) -> list[str]:
        """Try a step; return what is wrong, nothing when steps can run.

        `scratch` is a directory of the file system that will hold the steps' results (default: the tools
        tree's).
        """
        problems = [
            f"overlayfs has {name} on: write N to {OVERLAY_PARAMETERS / name}"
            for name in ("redirect_dir", "metacopy")
            if _is_on(OVERLAY_PARAMETERS / name)
        ]
        spec = StepSpec(name="check", argv=("/usr/bin/true",), layers=self._tools.layers, timeout=60)
        try:
            with tempfile.TemporaryDirectory(dir=scratch or self._tools.path.parent) as folder:
                into = Path(folder, "upper")
                into.mkdir()
                self.run(spec, into, Path(folder, "log"))
        except (ScsBuildError, OSError) as error:
            problems.append(str(error))
        return problems

    def _start(self, spec: StepSpec, argv: list[str], log: Path) -> int:
        """Run the command line to its end and return its status."""
        with Leash() as leash, log.open("wb") as stream:
            late = threading.Timer(spec.timeout, leash.cut)
            with self._lock:
                if self._cancelled:
                    raise cancelled(spec.name, log)
                self._running.add(leash)
            late.start()
            try:
                supervised = supervised_argv(self._tools, leash, argv)
                status = run(supervised, log=stream, keep=leash.end, accept=STATUSES).status
            except ProgramError as error:
                raise EngineError(error.reason, solution="run `scs-build doctor`") from error
            finally:
                late.cancel()
                with self._lock:
                    self._running.discard(leash)
            if status != 0 and leash.is_cut and not self._cancelled:
                raise failed(spec.name, late_end(spec.timeout), log, command_line(argv))
            return status

    def _failure(self, spec: StepSpec, status: int, argv: list[str], log: Path) -> ScsBuildError:
        if self._cancelled:
            return cancelled(spec.name, log)
        output = tail(log)
        if status == 1 and len(output) == 1 and output[0].startswith("bwrap: ") and "execvp" not in output[0]:
            return EngineError(f"no sandbox for {spec.name}: {output[0]}", solution=USE_ANOTHER)
        ended = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        return failed(spec.name, ended, log, command_line(argv))


@contextmanager
def _work_directory(into: Path) -> Iterator[Path]:
    """Yield overlayfs's own directory, on the file system of `into`."""
    work = into.with_name(into.name + ".work")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _is_on(parameter: Path) -> bool:
    return parameter.is_file() and parameter.read_text().strip() == "Y"
