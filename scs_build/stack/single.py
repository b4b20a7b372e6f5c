"""Running one image for a look: its service or a command, in a sandbox, with the caller's own streams."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from scs_build.build.runnable import RunnableImage
from scs_build.engines.sandbox import Sandbox, divided, sandbox_argv
from scs_build.engines.tools import ToolsTree
from scs_build.errors import EXIT_TERMINATED, EngineError
from scs_build.interrupts import interrupts, status_of
from scs_build.oci.tree import MergedTree
from scs_build.stack.processes import SandboxProcess

GRACE_SECONDS = 10.0
Told = Callable[[int], None]
OWN_TMPFS = {"/run": 0o755, "/tmp": 0o1777}


def _no_word(status: int) -> None:
    """Say nothing of an interrupt."""


@dataclass(frozen=True)
class Wish:
    """How an image is to be run. `volumes` maps a path inside to (path outside, read-only)."""

    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, tuple[Path, bool]] = field(default_factory=dict)
    user: tuple[int, int] | None = None
    network: Literal["none", "shared"] = "none"


def sandbox_of(image: RunnableImage, wish: Wish, writable: Sequence[str]) -> Sandbox:
    """Return the sandbox of an image; `writable` paths and its volumes are empty and in memory."""
    uid, gid = wish.user or (image.uid, image.gid)
    memory = {path: 0o1777 for path in (*writable, *image.volumes) if path not in wish.volumes}
    return Sandbox(
        layers=image.layers,
        argv=wish.command or image.command,
        inputs={path: source for path, (source, read_only) in wish.volumes.items() if read_only},
        binds={path: source for path, (source, read_only) in wish.volumes.items() if not read_only},
        tmpfs={**memory, **OWN_TMPFS},
        uid=uid,
        gid=gid,
        network=wish.network,
        environment=None,
        loader=divided({**image.environment, **wish.environment})[1],
        hostname=image.name,
        workdir=image.workdir,
    )


def run_image(
    image: RunnableImage, wish: Wish, writable: Sequence[str], tools: ToolsTree, *, told: Told = _no_word
) -> int:
    """Run an image until it ends and return its status (128 + n after signal n).

    An interrupt, SIGTERM or SIGHUP is passed on as SIGTERM; what has not ended 10 s later is killed. One that
    SIGTERM ended has the status of what came. `told` is called before, with that status.
    """
    sandbox = sandbox_of(image, wish, writable)
    environment = {**image.environment, **wish.environment}
    return attended(tools, sandbox_argv(tools, sandbox), environment, told=told)


def missing_program(image: RunnableImage, wish: Wish) -> str | None:
    """Return the program that was to be run if the image does not have it, nor can a volume."""
    name = (wish.command or image.command)[0]
    search = {**image.environment, **wish.environment}.get("PATH", os.defpath).split(":")
    tree = MergedTree(image.layers)
    places = [name] if "/" in name else [f"{folder}/{name}" for folder in search]
    there = any(tree.lookup(os.path.join(image.workdir, place)) for place in places)  # noqa: PTH118 - inside
    return None if there or wish.volumes else name


def attended(
    tools: ToolsTree, argv: Sequence[str], environment: Mapping[str, str], *, shell: bool = False,
    told: Told = _no_word,
) -> int:  # fmt: skip
    """Run a sandbox with the caller's own streams, as `run_image` says.

    A `shell` that talks with a person takes no notice of SIGTERM, so it is told by SIGHUP, and the status is
    that of what interrupted it.
    """
    if os.geteuid() != 0:
        raise EngineError("running images needs root", solution="run scs-build as root")
    with interrupts():
        process = SandboxProcess(tools, argv, environment)
        try:
            status = process.wait()
        except KeyboardInterrupt as interrupt:
            told(status_of(interrupt))
            process.stop(signal.SIGHUP if shell else signal.SIGTERM, GRACE_SECONDS)
            status = process.wait() or 0
            # That of what came, unless the program ended in its own way.
            if shell or status == EXIT_TERMINATED:
                status = status_of(interrupt)
    return status or 0
