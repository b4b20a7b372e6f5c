"""`scs-build quickstart`: build what keystone needs, run it, get a token."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scs_build.cli.common import output_option
from scs_build.cli.options import Session, session_options
from scs_build.cli.output import print_result, seconds

if TYPE_CHECKING:
    from scs_build.build.build import BuildResult
    from scs_build.stack.run import StackRun

STACK = "identity"
IMAGES = ("debian", "python", "mariadb", "memcached", "keystone")
NEXT = (
    ("scs-build plan", "what a build would do now, and why"),
    ("scs-build why keystone", "where what is in an image comes from"),
    ("scs-build run keystone -- keystone-manage --version", "a program of an image"),
    ("scs-build verify", "the images are what the manifest says"),
    ("scs-build prove", "the stack once more"),
)


@click.command()
@output_option
@session_options("series", "platform")
def command(session: Session, output: Path) -> None:
    """Build the images, start keystone from them and use it: all of it at work.

    Builds keystone and what it stands on, starts it with its database and its cache, gets a token as a
    client would, and ends everything. A second run builds nothing and proves again. Locked packages that
    have vanished from every mirror are locked anew into an overlay beside the images, with a warning: what
    is built then is not the pinned release.
    """
    from scs_build.cli.aging import with_overlay

    began = time.monotonic()
    folder = output / "lock-overlay" / session.series
    (built, manifest, proved), overlay = with_overlay(session, lambda within: _made(within, output), folder)
    spent = time.monotonic() - began
    answer: dict[str, Any] = {"seconds": round(spent, 3), "build": built.to_json(), "proof": proved.to_json()}
    answer["lock_overlay"] = str(overlay) if overlay else None
    page = closing_page(built, proved, output, manifest, spent)
    if overlay:
        page += "\n\nNOT the pinned release: packages of it have vanished. The commands above want"
        page += f"\n  --lock-overlay {overlay}"
    print_result(answer, page, as_json=session.json)


def _made(session: Session, output: Path) -> tuple[BuildResult, Path | None, StackRun]:
    """Build the images and prove the stack; ends the command when an image could not be built."""
    from scs_build.cli.build import build_images
    from scs_build.cli.running import run_stack_of

    built, manifest = build_images(session, IMAGES, output)
    if built.failures:
        from scs_build.cli.ends import report_all

        raise SystemExit(report_all(built.failures))
    return built, manifest, run_stack_of(session, STACK, output)


def closing_page(
    built: BuildResult, proved: StackRun, output: Path, manifest: Path | None, spent: float
) -> str:
    """Return the last page: what was made, what was proved, where it lies, what to try next."""
    from scs_build.cli.build import result_text
    from scs_build.cli.running import service_table, token_text

    program = Path(sys.argv[0])
    # As it can be typed: make starts it without its folder being in PATH.
    prefix = f"{program.parent}/" if shutil.which("scs-build") is None and program.parent.name else ""
    commands = "\n".join(f"  {prefix + line:<{52 + len(prefix)}} {meaning}" for line, meaning in NEXT)
    return "\n\n".join((
        result_text(built, output, manifest),
        service_table(proved),
        token_text(proved),
        f"done in {seconds(spent)}",
        f"next:\n{commands}",
    ))  # fmt: skip
