"""`scs-build manifest`: the manifest of images that are built."""

from __future__ import annotations

from pathlib import Path

import click

from scs_build.cli.build import build_images
from scs_build.cli.common import manifest_of, output_option
from scs_build.cli.options import Session, session_options
from scs_build.cli.output import print_text


@click.command()
@output_option
@session_options("series", "platform")
def command(session: Session, output: Path) -> None:
    """Write the manifest of all images of a series and print it.

    What is not built yet is built first. The part `content` is the same for everybody who builds from the
    same recipes and locks; `digest` stands for it.
    """
    from scs_build.cli.ends import report_all

    result, _ = build_images(session, (), output)
    if result.failures:
        raise SystemExit(report_all(result.failures))
    print_text(manifest_of(output, result.series).read_text().rstrip())
