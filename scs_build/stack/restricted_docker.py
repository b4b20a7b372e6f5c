"""The Docker way to run an image with nothing but what it declares: the same sandbox, at a daemon."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from scs_build.build.runnable import configured
from scs_build.engines.daemon import connect, talking
from scs_build.engines.lease import reap
from scs_build.engines.sandbox import Sandbox, divided
from scs_build.engines.tools import ToolsTree
from scs_build.errors import ScsBuildError
from scs_build.evidence.restricted import Ran, Restricted
from scs_build.evidence.subject import Subject
from scs_build.oci.registry.lend import Lender
from scs_build.recipes.models import Health
from scs_build.stack import restricted
from scs_build.stack.probe import question
from scs_build.stack.restricted_container import RestrictedContainer, toolbox
from scs_build.stack.single import Wish, sandbox_of
from scs_build.store.store import Store

if TYPE_CHECKING:
    from docker import APIClient


class DockerRunner:
    """Runs images in containers of the daemon that DOCKER_HOST or the Docker context names.

    `find_tools` gives the tools tree when the first one is run. Images are at the daemon until `close`.
    """

    name = "docker"

    def __init__(self, platform: str, store: Store, find_tools: Callable[[], ToolsTree]) -> None:
        self._platform = platform
        self._store = store
        self._find_tools = find_tools
        self._lock = threading.Lock()
        self._making = threading.Lock()
        self._cancelled = False
        self._running: set[RestrictedContainer] = set()

    @cached_property
    def _place(self) -> tuple[APIClient, Lender, ToolsTree, bytes]:
        client, tools = connect(self._platform), self._find_tools()
        reap(client)
        return client, Lender(client, self._store), tools, toolbox(tools)

    def run(self, subject: Subject, asked: Restricted) -> Ran:
        """Run a command as `Runner.run` says."""
        with self._started(subject, asked) as (container, _):
            status = container.end(asked.timeout)
            if status is None:
                container.kill()
            output = container.said()
        if status is None:
            return Ran(f"did not end within {asked.timeout:g} s", output)
        return Ran(restricted.ended(status), output)

    def serve(self, subject: Subject, asked: Restricted, health: Health, port: int | None) -> Ran:
        """Run a service as `Runner.serve` says."""
        with self._started(subject, asked) as (container, tools):
            problem = _until_healthy(container, question(tools, health, port), asked.timeout)
            container.kill("SIGTERM")
            status = container.end(restricted.GRACE_SECONDS)
            if status is None:
                container.kill()
            output = container.said()
        return Ran(problem or restricted.told_to_end(status or 0, killed=status is None), output)

    def cancel(self) -> None:
        """End what runs, and start nothing more."""
        with self._lock:
            self._cancelled = True
            for container in self._running:
                container.remove()

    def close(self) -> None:
        """Take from the daemon what was brought there."""
        if place := self.__dict__.get("_place"):
            client, lender, *_ = place
            lender.close()
            client.close()

    @contextmanager
    def _started(
        self, subject: Subject, asked: Restricted
    ) -> Iterator[tuple[RestrictedContainer, ToolsTree]]:
        """Lend a container that was started; it and its volume are removed afterwards."""
        with self._making:
            client, lender, tools, box = self._place
        container = RestrictedContainer(client, tools, _sandbox(subject, asked), asked)
        with self._lock:
            if self._cancelled:
                raise KeyboardInterrupt
            self._running.add(container)
        try:
            with talking(f"run {subject.name}"):
                container.create(lender.image(subject.name, subject.digest), box)
                if self._cancelled:  # while there was no container yet that could be removed
                    raise KeyboardInterrupt
                with container.started():
                    yield container, tools
        except ScsBuildError as error:
            if self._cancelled:
                raise KeyboardInterrupt from error
            raise
        finally:
            with self._lock:
                self._running.discard(container)
            container.remove()
        if self._cancelled:
            raise KeyboardInterrupt


def _sandbox(subject: Subject, asked: Restricted) -> Sandbox:
    """Return the very sandbox that the native runner uses, without layers: the daemon has them."""
    image = configured(subject.store, subject.name, subject.record)
    sandbox = sandbox_of(image, Wish(command=asked.command, environment=asked.environment), asked.writable)
    # What bubblewrap adds, and nothing of what Docker would add.
    environment, _ = divided({**image.environment, **asked.environment, "PWD": sandbox.workdir})
    return replace(sandbox, capabilities=asked.capabilities, environment=environment)


def _until_healthy(container: RestrictedContainer, argv: tuple[str, ...], seconds: float) -> str:
    """Ask until the service is well; return why it is not, empty when it is."""
    answer = "nobody could be asked"
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (status := container.end(restricted.POLL_SECONDS)) is not None:
            return f"ended with status {status} before it was healthy"
        answer = container.ask(argv, restricted.GRACE_SECONDS)
        if not answer:
            return ""
    return f"is not healthy after {seconds:g} s ({answer})"
