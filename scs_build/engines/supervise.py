"""Processes that end with their caller, however it ends."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from scs_build.engines.tools import ToolsTree

# The shell is the first process of a PID namespace: when it ends, the kernel ends all others. A signal at
# the parent's death (PR_SET_PDEATHSIG) is not enough: between fork and prctl nobody notices the death, and
# bubblewrap's child then waits for ever. The end of a pipe has no such gap. The watcher repeats, as the
# command may not have started yet; the command is in the foreground, because a shell lets those in the
# background ignore SIGINT.
WATCH = """
exec 3<&0 </dev/null
{ read -r _ <&3; while :; do kill -9 -1; done; } >/dev/null 2>&1 &
exec 3<&-
"$@"
exit $?
"""


def supervised_argv(tools: ToolsTree, argv: Sequence[str]) -> list[str]:
    """Return the argument list that runs `argv` until it ends or its `Leash` is cut.

    Its standard input must be the leash's; `argv` itself reads /dev/null. When it ends, all descendants
    have ended. The status is that of `argv`, 128 + n for signal n. Needs root.
    """
    shell = tools.argv("dash", "-c", WATCH, "supervise", *argv)
    return tools.argv("unshare", "--pid", "--fork", "--kill-child", "--", *shell)


class Leash:
    """A pipe that a supervised command holds on to: it ends when the pipe does, so at the latest with us."""

    def __init__(self) -> None:
        self.stdin, self._hand = os.pipe()
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
        os.close(self.stdin)
