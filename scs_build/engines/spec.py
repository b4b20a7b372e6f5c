"""What an engine runs: one step in isolation, on a stack of trees, without a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

# What dpkg, maintainer scripts and compilers need and what Docker grants by default: never more.
STEP_CAPABILITIES = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
    "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
)  # fmt: skip


@dataclass(frozen=True)
class StepSpec:
    """One command on a stack of trees.

    `layers` are directories with overlay semantics, lowest first. `inputs` maps a path inside to a
    directory that is readable there and never part of the result. The environment is exactly
    `environment`; host name, umask, locale and limits are fixed by the engine.
    """

    name: str
    argv: tuple[str, ...]
    layers: tuple[Path, ...]
    inputs: Mapping[str, Path] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    capabilities: tuple[str, ...] = STEP_CAPABILITIES
    timeout: float = 1800


class Engine(Protocol):
    """Runs a `StepSpec` and hands back what it changed."""

    name: str

    def run(self, spec: StepSpec, into: Path, log: Path) -> None:
        """Run the step; `into` (an empty directory) then holds the changes as an overlay layer.

        The layer has overlay's own form: a removed path is a character device 0/0, a directory that
        replaces one is marked opaque. Both streams of the command go to `log`. Raises `StepError` when
        the command fails and `EngineError` when the engine cannot work.
        """
