"""`scs-build affected`: the images that a change affects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from scs_build.cli.ends import talk
from scs_build.cli.options import Session, session_options
from scs_build.cli.output import print_result


@click.command()
@click.option(
    "--base", "bases", required=True, multiple=True, metavar="[LAYER=]REV",
    help="Commit, branch or tag to compare with; of a layer's repository after the layer's name.",
)  # fmt: skip
@session_options("series", "platform")
def command(session: Session, bases: tuple[str, ...]) -> None:
    """List the images that a change of files affects.

    Compares the keys of all images of the series at REV with those of the work tree: exact, since a key
    stands for every input of an image. With --recipes, REV alone is one of our repository, and LAYER=REV one
    of that layer's; what no --base names is taken as it is now. Prints one name per line.
    """
    from scs_build.plan.affected import compare, keys_of

    now = keys_of(session.root, session.series, session.platform, session.layers)
    with TemporaryDirectory() as folder:
        root, layers = checkouts(session, bases, Path(folder))
        before = keys_of(root, session.series, session.platform, layers)
    changes = compare(before, now)
    answer = {
        "base": " ".join(bases),
        "images": [{"name": name, "change": text} for name, text in changes.items()],
    }
    if not changes:
        talk("no image is affected")
    print_result(answer, "\n".join(changes), as_json=session.json)


def checkouts(session: Session, bases: Sequence[str], into: Path) -> tuple[Path, list[Path]]:
    """Return our recipes and the layers as they were at the revisions that `bases` name."""
    from scs_build.plan.affected import checkout

    root, layers = session.root, {layer.name: layer.folder for layer in session.catalogue.layers}
    for number, base in enumerate(bases):
        name, _, revision = base.rpartition("=")
        folder = into / str(number)
        folder.mkdir()
        if name in layers:
            checkout(layers[name], revision, folder, ["."])
            layers[name] = folder
        else:  # what a revision is called may hold the sign too
            checkout(session.root, base, folder)
            root = folder
    return root, list(layers.values())
