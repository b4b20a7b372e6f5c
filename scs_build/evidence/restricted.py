"""Running an image with nothing but what it declares: what is asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from scs_build.evidence.subject import Subject
from scs_build.recipes.models import Health

TAIL_LINES = 15


@dataclass(frozen=True)
class Restricted:
    """A command of an image, in a container that has only what is said here.

    It runs as the image's own user, on a read-only root, without new privileges and without any network
    but a loopback of its own. `writable` are paths that are empty and in memory at the start. `memory` is the
    most that one process may ask for, in bytes. It is ended after `timeout` seconds.
    """

    command: tuple[str, ...]
    writable: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 60.0
    memory: int = 8 << 30


@dataclass(frozen=True)
class Ran:
    """How it ended: `problem` is empty when all was well; `output` is both streams, for people to read."""

    problem: str
    output: str = ""

    def tail(self, count: int = TAIL_LINES) -> list[str]:
        """Return the last lines of the output."""
        return self.output.splitlines()[-count:]


class Runner(Protocol):
    """Runs images of the store; one implementation for each engine. Safe to use from many threads."""

    name: str

    def run(self, subject: Subject, asked: Restricted) -> Ran:
        """Run a command to its end; it must end with status 0.

        Raises `EngineError` when no container can be made, which says nothing about the image.
        """

    def serve(self, subject: Subject, asked: Restricted, health: Health, port: int | None) -> Ran:
        """Start a service, wait until it is healthy, and end it with SIGTERM.

        It must get healthy in time, and end by itself within ten seconds, with status 0 or as the signal has
        it. `port` is the one that is asked, unless `health` has a command.
        """

    def cancel(self) -> None:
        """End what runs, and start nothing more."""

    def close(self) -> None:
        """Give back what was needed to run images; nothing runs any more."""
