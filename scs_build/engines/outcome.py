"""How a step failed, in words: the end of its log, its place, and the command that repeats it."""

from __future__ import annotations

import re
from pathlib import Path

from scs_build.errors import StepError

# Owners, devices 0/0 and file capabilities can be made by root alone, be it that of a user namespace.
USE_ROOT = (
    "run scs-build as root, or as root of a user namespace:"
    " `unshare --map-root-user --map-auto scs-build ...` (Debian's package uidmap)"
)
TAIL_LINES = 15
TAIL_BYTES = 16384
# How programs in a step (the C library, apt) say that the disk is full: nothing is wrong with the step.
DISK_FULL = re.compile(rb"No space left on device|have enough free space in /")


def failed(name: str, ended: str, log: Path, command: str) -> StepError:
    """Return the error for a step that `ended` somehow, and write that with its `command` into the log."""
    output = "".join(f"\n    {line}" for line in tail(log))
    with log.open("a", encoding="utf-8") as stream:
        stream.write(f"\n{name} {ended}; it was started as\n{command}\n")
    return StepError(f"{name} {ended}{output}", solution=f"read the whole log: {log}")


def cancelled(name: str, log: Path) -> StepError:
    """Return the error for a step that was ended because the build was."""
    error = StepError(f"{name} was cancelled; log: {log}")
    error.cancelled = True
    return error


def late_end(timeout: float) -> str:
    """Return how a step that took too long `ended`."""
    return f"did not end within {timeout:g} s"


def tail(log: Path) -> list[str]:
    """Return the last lines of a log."""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - TAIL_BYTES))
        return stream.read().decode(errors="replace").splitlines()[-TAIL_LINES:]


def is_disk_full(log: Path) -> bool:
    """Return whether a program of the step found the disk full."""
    return bool(DISK_FULL.search(log.read_bytes()))
