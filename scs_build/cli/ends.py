"""How a command can end other than well: what the person reads, and the exit code."""

from __future__ import annotations

import errno
import os
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import click

from scs_build import __version__
from scs_build.cli.hints import call_args, repeated
from scs_build.cli.output import print_json
from scs_build.errors import (
    EXIT_HUNG_UP,
    EXIT_INTERNAL,
    EXIT_INTERRUPTED,
    EXIT_TERMINATED,
    DiskFullError,
    InfrastructureError,
    ScsBuildError,
)
from scs_build.interrupts import status_of

# Failures of the machine that can strike anywhere: they are no malfunction of the program.
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
OF_THE_MACHINE = DISK_FULL | {errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENOMEM}
INTERRUPTED = {EXIT_HUNG_UP: "hung up", EXIT_INTERRUPTED: "interrupted", EXIT_TERMINATED: "terminated"}


def end_of(error: BaseException, args: Sequence[str], *, as_json: bool) -> int:
    """Tell how the call with `args` ended and return its exit code; `SystemExit` and the like pass."""
    if isinstance(error, ScsBuildError):
        return expected(error, args, as_json=as_json)
    if isinstance(error, KeyboardInterrupt):
        return interrupted(error)
    if isinstance(error, BrokenPipeError):
        return broken_pipe()
    if isinstance(error, OSError) and error.errno in OF_THE_MACHINE:
        status = expected(machine_error(error), args, as_json=as_json)
        if error.filename is None:  # a stream: what it still holds would fail again
            discard_output()
        return status
    if not isinstance(error, Exception):
        raise error
    return unexpected(error, args)


def talk(text: str, *, colour: str | None = None) -> None:
    """Write to standard error; the first word is coloured on a terminal that wants colour."""
    head, _, rest = text.partition(" ")
    if colour and wants_colour():
        head = click.style(head, fg=colour, bold=True)
    click.echo(f"{head} {rest}" if rest else head, err=True)


def wants_colour() -> bool:
    """Tell whether standard error is a terminal whose owner did not turn colour off."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def expected(error: ScsBuildError, args: Sequence[str], *, as_json: bool) -> int:
    """Render an error of the family: reason, place, hint; with `as_json` the object on standard output.

    `args` are those of the call: what the hint tells to run repeats its options.
    """
    error.solution = repeated(error.solution, args)
    place = f"{error.where}: " if error.where else ""
    talk(f"error: {place}{error.reason}", colour="red")
    if error.solution:
        click.echo(err=True)
        talk(f"hint: {error.solution}", colour="cyan")
    if as_json:
        try:
            print_json(error.to_json())
            sys.stdout.flush()
        except OSError:  # standard output may be what failed
            discard_output()
    return error.exit_code


def report_all(failures: Mapping[str, ScsBuildError]) -> int:
    """Render the failures of several images, and return the exit code of all together.

    That is the lowest one: a wrong input (10-29) has to be mended before a repetition can help.
    """
    for name, error in failures.items():
        click.echo(err=True)
        talk(f"{name}:")
        expected(error, call_args(), as_json=False)
    return min(error.exit_code for error in failures.values())


def machine_error(error: OSError) -> ScsBuildError:
    """Return the error of the family for a failure of the machine (disk full, no permission ...)."""
    place = f"{error.filename}: " if error.filename else ""
    reason = f"{place}{error.strerror or error}"
    if error.errno in DISK_FULL:
        return DiskFullError(
            reason,
            solution="make room, for example with `scs-build store gc --max-size 5G`, and run this again",
        )
    return InfrastructureError(reason, solution="`scs-build doctor` says what this machine lacks")


def interrupted(error: KeyboardInterrupt) -> int:
    """End what still runs, say that nothing is lost, and return 128 + the signal that came."""
    from scs_build.run import end_programs

    end_programs()
    status = status_of(error)
    say_interrupted(status, "run again to continue: what is finished is kept")
    return status


def say_interrupted(status: int, rest: str) -> None:
    """Say what came, by the status that it ends a command with, and what follows of it."""
    with suppress(OSError):  # the terminal may be what went away
        click.echo(f"\n{INTERRUPTED.get(status, 'interrupted')}; {rest}", err=True)


def broken_pipe() -> int:
    """End quietly when the reader of standard output is gone, as other programs do (141 = 128 + SIGPIPE)."""
    discard_output()
    return 141


def discard_output() -> None:
    """Give standard output somewhere to go: the interpreter flushes it once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def unexpected(error: BaseException, args: Sequence[str]) -> int:
    """Keep the traceback in a file and say how to report it."""
    import platform
    import traceback

    descriptor, name = tempfile.mkstemp(prefix="scs-build-", suffix=".log")
    with open(descriptor, "w", encoding="utf-8") as stream:  # noqa: PTH123 - the descriptor is open already
        stream.write(f"scs-build {__version__}, Python {platform.python_version()}, {platform.platform()}\n")
        stream.write(f"command: {shlex.join(['scs-build', *args])}\n\n")
        traceback.print_exception(error, file=stream)
    talk(f"error: this is a malfunction of scs-build: {type(error).__name__}: {error}", colour="red")
    click.echo(err=True)
    talk(f"hint: please report it with the file {Path(name)} (CONTRIBUTING.md says where)", colour="cyan")
    return EXIT_INTERNAL
