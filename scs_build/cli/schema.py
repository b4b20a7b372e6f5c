"""`scs-build schema`: the JSON schema of the files that people write, and of what programs read."""

from __future__ import annotations

import click

from scs_build.cli.output import print_json

DOCUMENTS = ("recipe", "series", "paths", "site", "hardening", "licences", "layer", "layer-series", "diff")


@click.command()
@click.argument("document", type=click.Choice(DOCUMENTS), default="recipe")
def command(document: str) -> None:
    """Print the JSON schema of a file that people write.

    DOCUMENT is a recipe (the default), a series, the table of paths, a site configuration, the hardening
    or the licence policy, or of a layer its head (`layer`) and what it says of a series (`layer-series`);
    or what `scs-build diff --json` prints (`diff`).
    """
    from scs_build.evidence.difference import Difference
    from scs_build.recipes.schema import schema_of, schemas

    print_json(schema_of("diff", Difference) if document == "diff" else schemas()[document])
