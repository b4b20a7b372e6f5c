"""Running one image for a look: its service or a command, in a sandbox, with the caller's own streams."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from scs_build.build.runnable import RunnableImage
from scs_build.engines.sandbox import Sandbox, sandbox_argv
from scs_build.engines.tools import ToolsTree
from scs_build.errors import EngineError
from scs_build.stack.interrupts import one_interrupt
from scs_build.stack.processes import SandboxProcess

GRACE_SECONDS = 10.0
OWN_TMPFS = {"/run": 0o755, "/tmp": 0o1777}


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
        hostname=image.name,
        workdir=image.workdir,
    )


def run_image(image: RunnableImage, wish: Wish, writable: Sequence[str], tools: ToolsTree) -> int:
    """Run an image until it ends and return its status (128 + n after signal n).

    An interrupt or SIGTERM is passed on as SIGTERM; what has not ended 10 s later is killed.
    """
    sandbox = sandbox_of(image, wish, writable)
    return attended(tools, sandbox_argv(tools, sandbox), {**image.environment, **wish.environment})


def attended(
    tools: ToolsTree,
    argv: Sequence[str],
    environment: Mapping[str, str],
    ending: signal.Signals = signal.SIGTERM,
) -> int:
    """Run a sandbox with the caller's own streams, as `run_image` says; `ending` tells it to end."""
    if os.geteuid() != 0:
        raise EngineError("running images needs root", solution="run scs-build as root")
    with one_interrupt():
        process = SandboxProcess(tools, argv, environment)
        try:
            status = process.wait()
        except KeyboardInterrupt:
            process.stop(ending, GRACE_SECONDS)
            status = process.wait()
    return status or 0
