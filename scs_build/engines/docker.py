"""The Docker engine: containers of a daemon, here or elsewhere, that share no file with this machine."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from scs_build.engines.container import StepContainer
from scs_build.engines.daemon import ROOM, connect, talking
from scs_build.engines.harvest import harvest
from scs_build.engines.lease import reap
from scs_build.engines.outcome import USE_ROOT, cancelled, failed, is_disk_full, late_end
from scs_build.engines.spec import StepSpec
from scs_build.engines.stepimages import StepImages
from scs_build.engines.tools import ToolsTree
from scs_build.errors import DiskFullError, EngineError, ScsBuildError, StepError

if TYPE_CHECKING:
    from docker import APIClient


class DockerEngine:
    """Runs steps in containers of the daemon that DOCKER_HOST or the Docker context names.

    Trees go there as images and inputs as volumes; what a step made comes back as an archive. Safe to use
    from many threads at once. What a killed process leaves at the daemon, the next one removes.
    """

    name = "docker"

    def __init__(self, platform: str) -> None:
        self._platform = platform
        self._running: set[StepContainer] = set()
        self._lock = threading.Lock()
        self._connecting = threading.Lock()
        self._cancelled = False

    def run(self, spec: StepSpec, into: Path, log: Path) -> None:
        """Run the step as `Engine.run` says."""
        if os.geteuid() != 0:
            raise EngineError("the docker engine needs root on this side, too", solution=USE_ROOT)
        log.touch()
        self._go_on()
        try:
            with self._container(spec) as container:
                try:
                    self._start(spec, container, log)
                except StepError:
                    # Whoever looks for the reason wants to see what the step left.
                    with suppress(ScsBuildError):
                        _fetch(spec, container, into)
                    raise
                _fetch(spec, container, into)
        except ScsBuildError as error:
            if self._cancelled:
                raise cancelled(spec.name, log) from error
            raise

    def cancel(self) -> None:
        """Kill what runs; `run` raises `StepError` in the threads concerned, and from now on at once."""
        self._cancelled = True
        with self._lock:
            for container in self._running:
                container.remove()

    def check(self, scratch: Path, tools: ToolsTree | None = None) -> list[str]:
        """Return what is wrong, nothing when steps can run.

        With a tools tree a step is tried; `scratch` is a directory of the file system that will hold the
        steps' results.
        """
        try:
            self.connected()
            if tools:
                with TemporaryDirectory(dir=scratch) as folder:
                    self._try(tools, Path(folder))
        except (ScsBuildError, OSError) as error:
            return [str(error)]
        return []

    def connected(self) -> str:
        """Return the version of the daemon; raises `EngineError` when it cannot be used."""
        client, _ = self._daemon()
        with talking("ask for the version"):
            return str(client.version()["Version"])

    def _daemon(self) -> tuple[APIClient, StepImages]:
        with self._connecting:
            return self._connection

    @cached_property
    def _connection(self) -> tuple[APIClient, StepImages]:
        client = connect(self._platform)
        reap(client)
        images = StepImages(client, self._platform, self._go_on)
        images.remove_unused()
        return client, images

    def _go_on(self) -> None:
        if self._cancelled:
            raise StepError("the step was cancelled")

    @contextmanager
    def _container(self, spec: StepSpec) -> Iterator[StepContainer]:
        """Lend the container of a step; it and all that came with it is removed afterwards."""
        from docker.errors import ImageNotFound

        client, images = self._daemon()
        container = StepContainer(client, spec)
        with self._lock:
            self._running.add(container)
        try:
            with talking(f"make the container of {spec.name}"):
                try:
                    container.create(images.image_of(spec.layers))
                except ImageNotFound:  # somebody removed it just now
                    container.create(images.image_of(spec.layers))
            self._go_on()
            yield container
        finally:
            with self._lock:
                self._running.discard(container)
            container.remove()

    def _start(self, spec: StepSpec, container: StepContainer, log: Path) -> None:
        """Run the step to its end; raises an error unless that is a good one."""
        late = threading.Event()

        def end() -> None:
            late.set()
            container.kill()

        timer = threading.Timer(spec.timeout, end)
        with log.open("wb", buffering=0) as stream, talking(f"run {spec.name}"):
            with container.output() as output:
                timer.start()
                try:
                    status = container.start(stream)
                    for piece in () if status else output:
                        stream.write(piece)
                    status = status or container.wait()
                finally:
                    timer.cancel()
            state = container.state() if status else {}
        if state.get("OOMKilled"):
            raise EngineError(f"the daemon's machine ran out of memory in {spec.name}")
        if status and is_disk_full(log):
            raise DiskFullError(f"{spec.name} needs more room on the disk of the daemon", solution=ROOM)
        if status:
            ended = late_end(spec.timeout) if late.is_set() else f"ended with status {status}"
            raise failed(spec.name, ended, log, container.command_line())

    def _try(self, tools: ToolsTree, folder: Path) -> None:
        """Run `true` on a tree of three files."""
        tree, into = folder / "tree", folder / "into"
        tree.mkdir()
        into.mkdir()
        for name in (tools.loader, f"{tools.libraries}/libc.so.6", tools.find("true")):
            shutil.copy(tools.path / name, tree)
        argv = (f"/{Path(tools.loader).name}", "--library-path", "/", "/true")
        self.run(StepSpec(name="check", argv=argv, layers=(tree,), timeout=60), into, folder / "log")


def _fetch(spec: StepSpec, container: StepContainer, into: Path) -> None:
    """Put what a step changed into a directory."""
    with talking(f"fetch what {spec.name} made"):
        into.chmod(0o755)  # it is the root directory that the step saw
        harvest(container.export(), spec.layers, spec.inputs, into)
