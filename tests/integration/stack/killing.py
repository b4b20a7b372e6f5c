"""Starts something again and again, kills one of its processes at some moment, and counts what is left.

`python -m tests.integration.stack.killing WHAT TRIALS SEED JOB`: a program of its own, because it adopts all
orphans. When it has no child any more, nothing that it started is left, whatever became of its parents. To be
started in a mount namespace of its own: what others mount meanwhile does not count. One JSON object per trial
on standard output.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scs_build.build.runnable import RunnableImage
from scs_build.engines.tools import ToolsTree
from scs_build.progress import Silent
from scs_build.stack.processes import descendants
from scs_build.stack.run import run_stack
from scs_build.stack.single import Wish, run_image
from scs_build.store.store import Store
from tests.integration.conftest import SERIES

PR_SET_CHILD_SUBREAPER = 36
SPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
# How many processes there are once all is up: health checks come on top.
ALL = {"run": 5, "stack": 20}
# Beside the number of processes, chance decides for so many seconds: some steps of a sandbox take 1 ms.
JITTER = 0.03
# How long it may take to notice that a part is gone, and then for all to be gone.
SELF_SECONDS, PATIENCE = 1.0, 60.0
SLEEPER = ("/usr/bin/python3", "-c", "import time; time.sleep(600)")


@dataclass(frozen=True)
class Job:
    """What to start: an image, or the stack of a file with it."""

    image: RunnableImage
    tools: ToolsTree
    store: Store
    compose: Path
    logs: Path

    @classmethod
    def read(cls, text: str) -> Job:
        raw = json.loads(text)
        image = RunnableImage.from_json(raw["image"])
        paths = (Path(raw[name]) for name in ("tools", "store", "compose", "logs"))
        tools, store, compose, logs = paths
        return cls(image, ToolsTree(tools), Store(store), compose, logs)

    def start(self, what: str) -> object:
        if what == "run":
            return run_image(self.image, Wish(command=SLEEPER), (), self.tools)
        images = {self.image.name: self.image}
        return run_stack(self.compose, SERIES, images, self.tools, self.store, self.logs, Silent())


def trial(start: Callable[[], object], chance: random.Random, most: int) -> dict[str, Any]:
    mounts = _mounts()
    pid = _fork(start)
    many = chance.randint(1, most)  # before there is one, nothing can be left
    while len(list(descendants(pid))) < many and not _has_ended(pid):
        time.sleep(0)
    time.sleep(chance.uniform(0, JITTER))
    below = list(descendants(pid))
    with _held_spaces(below) as spaces:
        # Half of the time it is the process that a person would kill, else any below it.
        victim = chance.choice(below) if below and chance.random() < 0.5 else pid
        facts = {
            "moment": many,
            "victim": _command(victim),
            "below": len(below),
            "ended": _has_ended(pid),
        }
        _kill(victim)
        # What can do without the victim goes on (that of a health check), and is killed as a whole then.
        if not _all_end(SELF_SECONDS):
            _kill(pid)
        left = [] if _all_end(PATIENCE) else list(map(_command, descendants(os.getpid())))
        left_spaces = sorted(_spaces(_everybody()).keys() & spaces)
    _clear()
    return {**facts, "left": left, "left_spaces": left_spaces, "left_mounts": sorted(_mounts() - mounts)}


def _fork(start: Callable[[], object]) -> int:
    pid = os.fork()
    if pid == 0:
        with suppress(BaseException):  # it is told if it ends before it is killed, and how does not matter
            start()
        os._exit(0)
    return pid


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _all_end(within: float) -> bool:
    """Wait until there is no child, so no descendant; tell whether that came to pass."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if pid == 0:
            time.sleep(0.005)
    return False


def _clear() -> None:
    for pid in descendants(os.getpid()):
        _kill(pid)
    _all_end(PATIENCE)


def _everybody() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _mounts() -> set[str]:
    return set(Path("/proc/self/mountinfo").read_text().splitlines())


def _spaces(pids: Iterable[int]) -> dict[str, Path]:
    """Return the namespaces of processes by name, with the file that stands for it."""
    found = {}
    for path in (Path(f"/proc/{pid}/ns/{name}") for pid in pids for name in SPACES):
        with suppress(OSError):
            found[str(path.readlink())] = path
    return found


@contextmanager
def _held_spaces(pids: Iterable[int]) -> Iterator[set[str]]:
    """Yield the names of the namespaces that processes made; none is used again while it is held."""
    own = _spaces([os.getpid()])
    held = {}
    for name, path in _spaces(pids).items():
        if name not in own:
            with suppress(OSError):
                held[name] = os.open(path, os.O_RDONLY)
    try:
        yield set(held)
    finally:
        for descriptor in held.values():
            os.close(descriptor)


def _command(pid: int) -> str:
    with suppress(OSError):
        return " ".join(Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0"))[:200]
    return ""


def main(what: str, trials: str, seed: str, text: str) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    job, chance = Job.read(text), random.Random(seed)
    for _ in range(int(trials)):
        sys.stdout.write(json.dumps(trial(lambda: job.start(what), chance, ALL[what])) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
