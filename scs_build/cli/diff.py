"""`scs-build diff`: what differs between two images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scs_build.cli.operands import complete_operand, image_of
from scs_build.cli.options import Session, session_options
from scs_build.cli.output import print_result
from scs_build.errors import DifferenceError

if TYPE_CHECKING:
    from scs_build.evidence.difference import Difference


@click.command()
@click.argument("a", shell_complete=complete_operand)
@click.argument("b", shell_complete=complete_operand)
@click.option("--files", "every_file", is_flag=True, help="Name the files of changed packages, too.")
@session_options("series", "platform")
@click.pass_context
def command(context: click.Context, session: Session, a: str, b: str, every_file: bool) -> None:
    """Compare two images: packages, licences, settings, files, sizes.

    \b
    A and B are each one of
      NAME             the image as its recipe and lock are now
      NAME@SERIES      the same of another series
      sha256:DIGEST    an image in the store
      FILE.json[:NAME] the image of a manifest (NAME as of the other one)
      DIR[:REF]        an image in an OCI layout; DIR has a slash in it

    The bytes that are shipped are compared, so any image will do, also one that somebody else built; of
    images of recipes, the attribution says who brought a path that no package lists. Ends with 0 when both
    are the same image, bit by bit, and with 36 when they differ. `scs-build schema diff` describes the JSON.
    """
    from scs_build.cli.difference import difference_text
    from scs_build.evidence.compare import compare
    from scs_build.evidence.licence_policy import policy_of

    one, other = image_of(session, a, b), image_of(session, b, a)
    found: Difference = compare(one, other, policy_of(session.catalogue))
    text = difference_text(found, every_file=every_file)
    print_result(found.model_dump(mode="json"), text, as_json=session.json)
    if not found.equal:
        context.exit(DifferenceError.exit_code)
