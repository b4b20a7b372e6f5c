"""`scs-build render`: a stack for the ordinary Compose tool."""

from __future__ import annotations

from pathlib import Path

import click

from scs_build.cli.options import Session, session_options
from scs_build.cli.output import print_result


@click.command()
@click.argument("stack", default="identity")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="A new folder, for you alone.",
)
@session_options("series")
def command(session: Session, stack: str, into: Path) -> None:
    """Write a stack for the ordinary Compose tool.

    The Compose file of the stack, its configuration filled in, new secrets, and their variables. STACK is a
    folder of stacks/. `docker-compose up` there runs the images that `scs-build load` put into Docker.
    """
    from scs_build.stack.reader import find_stack
    from scs_build.stack.render import images_of, render_stack

    path = find_stack(session.root, stack)
    files = render_stack(path, session.series, into)
    images = images_of(path)
    answer = {"stack": stack, "series": session.series, "folder": str(into), "files": files, "images": images}
    print_result(answer, next_text(images, session.series, into), as_json=session.json)


def next_text(images: tuple[str, ...], series: str, into: Path) -> str:
    """Return how to run what was written."""
    load = f"scs-build load --series {series} {' '.join(images)}"
    return f"written to {into}; to run it:\n\n  {load}\n  docker-compose --project-directory {into} up --wait"
