"""`scs-build prove`: start the stack and use it as a client would."""

from __future__ import annotations

from pathlib import Path

import click

from scs_build.cli.common import output_option
from scs_build.cli.options import Session, session_options
from scs_build.cli.output import print_result


@click.command()
@click.argument("stack", default="identity")
@output_option
@session_options("series", "platform")
def command(session: Session, stack: str, output: Path) -> None:
    """Start the stack and use it as a client would.

    Runs the images as they were built, in namespaces of their own without a network outside, with new
    secrets and empty volumes in memory; asks the services what a client asks; ends them and checks that
    each ends when it is told to. STACK is a folder of stacks/.
    """
    from scs_build.cli.running import proof_text, run_stack_of

    result = run_stack_of(session, stack, output)
    print_result(result.to_json(), proof_text(result, output), as_json=session.json)
