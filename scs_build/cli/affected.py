"""`scs-build affected`: the images that a change affects."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import click

from scs_build.cli.options import Session, session_options
from scs_build.cli.output import print_result


@click.command()
@click.option("--base", required=True, metavar="REV", help="Commit, branch or tag to compare with.")
@session_options("series", "platform")
def command(session: Session, base: str) -> None:
    """List the images that a change of files affects.

    Compares the keys of all images of the series at REV with those of the work tree: exact, since a key
    stands for every input of an image. Prints one name per line.
    """
    from scs_build.plan.affected import checkout, compare, keys_of

    now = keys_of(session.root, session.series, session.platform)
    with TemporaryDirectory() as folder:
        checkout(session.root, base, Path(folder))
        before = keys_of(Path(folder), session.series, session.platform)
    changes = compare(before, now)
    answer = {"base": base, "images": [{"name": name, "change": text} for name, text in changes.items()]}
    print_result(answer, "\n".join(changes), as_json=session.json)
