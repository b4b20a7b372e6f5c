"""The entry point: parses, runs one command, and turns every end of it into words and an exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

import click

from scs_build import __version__
from scs_build.cli.commands import LazyGroup
from scs_build.errors import EXIT_USAGE
from scs_build.interrupts import interrupts

PROGRAM = "scs-build"


SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=LazyGroup, context_settings=SETTINGS)
@click.version_option(__version__, prog_name=PROGRAM)
def app() -> None:
    """Build the images of the Sovereign Cloud Stack: pinned, reproducible, explained.

    Results go to standard output, everything else to standard error. Each kind of failure has its
    own exit code (docs/reference/exit-codes.md).
    """


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (that of the process when None) and return the exit code."""
    if argv is None:
        speak_utf8()
    args = list(sys.argv[1:] if argv is None else argv)
    if "_SCS_BUILD_COMPLETE" in os.environ:
        app.main(args, prog_name=PROGRAM)  # answers the shell and exits
    try:
        # Who presses Ctrl-C twice does not want to wait for a clean end.
        with interrupts(again=(signal.SIGINT,)):
            with app.make_context(PROGRAM, args or ["--help"], obj=tuple(args)) as context:
                app.invoke(context)
            sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except BaseException as error:  # noqa: BLE001 - the last resort: nobody shall see a bare traceback
        from scs_build.cli.ends import end_of  # not needed, so not paid for, when all goes well

        return end_of(error, args, as_json=wants_json(args))
    return 0


def speak_utf8() -> None:
    """Start this process again in UTF-8 mode where its locale has another encoding.

    Names of files in packages and paths in locks are UTF-8, whatever this user's language is written in.
    """
    if sys.getfilesystemencoding() != "utf-8":
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def wants_json(args: Sequence[str]) -> bool:
    """Tell whether the caller reads JSON, also where parsing failed; what follows `--` is not for us."""
    own = args[: args.index("--")] if "--" in args else args
    return "--json" in own or os.environ.get("SCS_BUILD_JSON", "").lower() in ("1", "true", "yes", "on")
