"""`scs-build sbom`: the bill of materials of an image."""

from __future__ import annotations

import json
from pathlib import Path

import click

from scs_build.cli.common import subject_of
from scs_build.cli.ends import talk
from scs_build.cli.options import Session, complete_image, session_options
from scs_build.cli.output import print_text, write_output

FORMATS = ("cyclonedx", "spdx")


@click.command()
@click.argument("image", shell_complete=complete_image)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="cyclonedx",
    show_default=True,
    help="CycloneDX 1.6 or SPDX 2.3, both in JSON.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it into this file instead of standard output; its folder is made where there is none.",
)
@session_options("series", "platform")
def command(session: Session, image: str, form: str, output: Path | None) -> None:
    """Print the bill of materials of IMAGE.

    It is composed from the locks and from what the artefacts say about themselves: every Debian package and
    Python distribution with its package URL, hash, licence, dependencies and what it was made from, and the
    tools that shaped the image. The same image gives the same bytes. trivy reads the CycloneDX form.
    """
    from scs_build.evidence.bill import compose
    from scs_build.evidence.cyclonedx import to_cyclonedx
    from scs_build.evidence.spdx import to_spdx

    bill = compose(subject_of(session, image))
    document = to_cyclonedx(bill) if form == "cyclonedx" else to_spdx(bill)
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False)
    if output is None:
        print_text(text)
    else:
        write_output(output, f"{text}\n".encode())
        talk(f"{output}: {len(bill.parts)} components of {image}, {len(bill.tools)} tools")
