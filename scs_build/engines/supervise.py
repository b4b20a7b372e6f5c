"""Processes that end with their caller, however it ends."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from scs_build.engines.tools import ToolsTree

# The keeper is the first process of a PID namespace: when it ends, the kernel ends all others. A signal at
# the parent's death (PR_SET_PDEATHSIG) is not enough: between fork and prctl nobody notices the death, and
# bubblewrap's child then waits for ever. The end of a pipe has no such gap.
KEEPER = Path(__file__).with_name("keeper.py")


class Leash:
    """A pipe that a supervised command holds on to: it ends when the pipe does, so at the latest with us."""

    def __init__(self) -> None:
        self.end, self._hand = os.pipe()
        self._lock = threading.Lock()
        self.is_cut = False

    def cut(self) -> None:
        """End the command; safe from any thread and as often as one likes."""
        with self._lock:
            if not self.is_cut:
                self.is_cut = True
                with suppress(BrokenPipeError):  # it has ended
                    os.write(self._hand, b"\n")  # closing alone is not seen while a forked worker has a copy
                os.close(self._hand)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the command if it still runs: after an interrupt it may."""
        self.cut()
        os.close(self.end)


def supervised_argv(tools: ToolsTree, leash: Leash, argv: Sequence[str]) -> list[str]:
    """Return the argument list that runs `argv` until it ends or `leash` is cut.

    It must inherit `leash.end` under its number; `argv` does not get it. The command is in a session and a
    PID namespace of its own: no signal of a terminal reaches it, and when it ends, all that it started has
    ended. The status is that of `argv`, 128 + n for signal n. Needs root.
    """
    keeper = [sys.executable, "-I", "-S", str(KEEPER), str(leash.end), *argv]
    # With a /proc that fits: bubblewrap looks itself up there by the number it has in its namespace.
    namespace = ("--pid", "--mount-proc", "--fork", "--kill-child")
    return tools.argv("setsid", *tools.argv("unshare", *namespace, "--", *keeper))
