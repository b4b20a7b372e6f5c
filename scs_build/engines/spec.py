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

# What every step finds in its environment, whichever engine runs it: one time, one locale, one CPU
# (Python and OpenMP, so `nproc`, believe these names; an affinity would make parallel steps share a CPU).
STEP_ENVIRONMENT = {
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "PYTHON_CPU_COUNT": "1",
    "SOURCE_DATE_EPOCH": "1577836800",
}
STEP_HOSTNAME = "build"
STEP_UMASK = 0o022
STEP_OPEN_FILES = 4096


@dataclass(frozen=True)
class StepSpec:
    """One command on a stack of trees.

    `layers` are directories with overlay semantics, lowest first, whose content never changes. `inputs`
    maps a path inside to a directory that is readable there and never part of the result; no part of
    that path may be a symbolic link in `layers`. `/tmp`, `/run` and `/dev` are empty at the start and
    never part of the result. The environment is `STEP_ENVIRONMENT` and, over it, `environment`; host
    name, umask, locale and limits are fixed by the engine.
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

        The layer holds the paths that are not as in `spec.layers` - in type, mode, owner, content, link
        target, file capabilities -, the directories above them, and for each path that is gone a
        character device 0/0; nothing else, so it is the same whichever engine made it. Both streams of
        the command go to `log`. Raises `StepError` when the command fails and `EngineError` when the
        engine cannot work.
        """
