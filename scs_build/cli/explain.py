"""`scs-build explain`: who brought a path of an image, from what, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scs_build.cli.common import subject_of
from scs_build.cli.options import Session, complete_image, session_options
from scs_build.cli.output import print_result, table
from scs_build.errors import UnknownNameError

if TYPE_CHECKING:
    from scs_build.evidence.answers import Answer
    from scs_build.evidence.attribution import Table


@click.command()
@click.argument("image", shell_complete=complete_image)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--all", "whole", is_flag=True, help="Print the explanation of every path.")
@session_options("series", "platform")
@click.pass_context
def command(
    context: click.Context, session: Session, image: str, paths: tuple[str, ...], whole: bool
) -> None:
    """Say who brought a path of an image, from what, and why.

    For each PATH: the artefact with its version, hash and the line of the lock that names it, and the patches
    that changed it; the place in the recipe; or the program that generated it and the reason. For a path that
    is not in IMAGE: the rule that drops it, the patch that removes it, the package that has it and is left
    out, or what was perhaps meant. With --all one line per path: path, kind, by whom, of what, by which
    patches.
    """
    from scs_build.evidence.answers import Answers
    from scs_build.evidence.attribution import attribute

    if not (paths or whole):
        raise click.UsageError("name a PATH, or ask for --all")
    found = attribute(subject_of(session, image))
    if whole:
        _print_whole(found, as_json=session.json)
        return
    answers = [Answers(found).about(path) for path in paths]
    digest = found.explainer.subject.digest
    value = {"image": image, "digest": digest, "paths": [answer.to_json() for answer in answers]}
    print_result(value, "\n".join(_text(answer) for answer in answers), as_json=session.json)
    if not all(answer.known for answer in answers):
        context.exit(UnknownNameError.exit_code)


def _print_whole(found: Table, *, as_json: bool) -> None:
    rows = [
        (f"/{path}", row.kind, row.by, row.of, " ".join(f"{p.target}/{p.name}" for p in row.patches))
        for path, row in sorted(found.rows.items())
    ]
    subject = found.explainer.subject
    value = {
        "image": subject.name,
        "digest": subject.digest,
        "paths": [dict(zip(("path", "kind", "by", "of", "patches"), row, strict=True)) for row in rows],
        "findings": [finding.to_json() for finding in found.findings],
    }
    print_result(value, "\n".join("\t".join(row).rstrip() for row in rows), as_json=as_json)


def _text(answer: Answer) -> str:
    facts = dict(answer.facts)
    if answer.near:
        facts["perhaps"] = ", ".join(answer.near)
    details = table((), [(f"  {name}", text) for name, text in facts.items()])
    return "\n".join(filter(None, (f"{answer.path}: {answer.verdict}", details)))
