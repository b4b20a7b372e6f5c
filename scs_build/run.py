"""The only gateway to other programs: `sh`, an argument list, a clean environment, a clear failure."""

from __future__ import annotations

import os
import shlex
import signal
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import IO, Any

from scs_build.errors import ProgramError

# What a program may inherit: where programs are, where its home is, and how the site reaches the
# network. Everything else would make a result depend on who called.
INHERITED = (
    "PATH", "HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy", "https_proxy", "no_proxy",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
)  # fmt: skip

# The programs that some thread waits for: each leads a process group of its own.
_running: set[int] = set()
# Held until a program that starts is among them.
_starting = threading.Lock()


@dataclass(frozen=True)
class Completed:
    """A program that ended: its exit status and what it wrote (empty where it went to a file)."""

    status: int
    stdout: bytes
    stderr: bytes


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment that programs get: the few inherited names, a fixed locale, and `extra`."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {**inherited, "LC_ALL": "C.UTF-8", **(extra or {})}


def command_line(argv: Sequence[str | Path]) -> str:
    """Return `argv` as one line that can be pasted into a shell."""
    return shlex.join(os.fspath(arg) for arg in argv)


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log: IO[bytes] | None = None,
    output: IO[bytes] | None = None,
    stdin: bytes = b"",
    timeout: float | None = None,
    accept: Collection[int] = (0,),
    started: Callable[[int], None] | None = None,
    line: Callable[[str], None] | None = None,
    talk: Callable[[str], None] | None = None,
    attached: bool = False,
    keep: int | None = None,
) -> Completed:
    """Run a program to its end, as a child of the calling thread; an interrupt ends it and what it started.

    `env` replaces the clean environment when given. With `log`, both output streams go to that open
    file and the result holds none; with `output`, standard output goes to that one; with `line`, it goes
    there line by line, with `talk` standard error; `attached` programs get the caller's own streams.
    `stdin` is what the program reads. It inherits the descriptor `keep` under the same number. `started`
    gets the process id as soon as there is one. Statuses outside `accept`, a missing program and a time-out
    raise `ProgramError` with the command and the end of its output.
    """
    import sh

    program, *args = (os.fspath(arg) for arg in argv)
    own_group = keep is None and not attached
    options: dict[str, Any] = {
        "_env": dict(env) if env is not None else clean_environment(),
        "_cwd": os.fspath(cwd) if cwd else None,
        "_in": stdin or _nothing(),
        "_ok_code": list(range(256)),
        "_timeout": timeout,
        "_bg": True,
        "_bg_exc": False,
        "_new_group": own_group,
        "_decode_errors": "replace",
        "_pass_fds": set() if keep is None else {keep},
        "_preexec_fn": partial(_prepare, keep, signal.getsignal(signal.SIGHUP) == signal.SIG_IGN),
        **_streams(log, output, line, talk, attached=attached),
    }
    try:
        with _starting:
            done = sh.Command(program)(*args, **options)
            if own_group:
                _running.add(done.pid)
        with _ended_with_us(done.pid) if own_group else nullcontext():
            if started is not None:
                started(done.pid)
            done.wait()
    except sh.CommandNotFound as error:
        raise ProgramError(
            f"the program {program} is not there", solution="run `scs-build doctor` to see what is missing"
        ) from error
    except sh.TimeoutException as error:
        raise ProgramError(f"no end after {timeout:g} s: {command_line(argv)}") from error
    except sh.ErrorReturnCode as error:  # a signal: sh raises whatever the accepted codes
        status, stdout, stderr = error.exit_code, error.stdout, error.stderr
    else:
        status, stdout, stderr = done.exit_code, done.stdout, done.stderr
    if status not in accept:
        raise failure(argv, status, stdout + stderr)
    return Completed(status, stdout, stderr)


def _streams(
    log: IO[bytes] | None,
    output: IO[bytes] | None,
    line: Callable[[str], None] | None,
    talk: Callable[[str], None] | None,
    *,
    attached: bool,
) -> dict[str, Any]:
    """Return where a program's streams go, as options of `sh`."""
    if attached:
        return {"_in": 0, "_out": 1, "_err": 2}  # sh refuses `_tty_out` where `_out` is a terminal
    streams: dict[str, Any] = {"_tty_out": False}
    if log is not None:
        streams |= {"_out": log.fileno(), "_err": log.fileno()}
    if output is not None:
        streams["_out"] = output.fileno()
    told = {"_out": line, "_err": talk}
    return streams | {name: listener for name, listener in told.items() if listener is not None}


@cache
def _nothing() -> int:
    return os.open(os.devnull, os.O_RDONLY)


def _prepare(keep: int | None, hangup_ignored: bool) -> None:
    """Set, in the forked process, what the program inherits."""
    if not hangup_ignored:  # sh lets what it does not wait for ignore this signal
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if keep is not None:
        os.set_inheritable(keep, True)


@contextmanager
def _ended_with_us(pid: int) -> Iterator[None]:
    """End a program and what it started when an interrupt cuts the wait for it short."""
    try:
        yield
    except KeyboardInterrupt:
        _end_group(pid)
        raise
    finally:
        _running.discard(pid)


def end_programs() -> None:
    """End the programs that other threads wait for: this process is about to end."""
    with _starting:
        running = tuple(_running)
    for pid in running:
        _end_group(pid)


def _end_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def failure(argv: Sequence[str | Path], status: int, output: bytes) -> ProgramError:
    """Return the error for a program that ended with `status`, with the last 20 lines of its output."""
    tail = "\n".join("    " + line for line in output.decode(errors="replace").splitlines()[-20:])
    ended = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
    return ProgramError(f"{ended}: {command_line(argv)}" + (f"\n{tail}" if tail else ""))
