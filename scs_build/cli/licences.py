"""`scs-build licences`: the licences of images, and what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from scs_build.cli.common import images_argument, names_of, subject_of
from scs_build.cli.ends import talk
from scs_build.cli.options import Session, session_options
from scs_build.cli.output import print_result, table
from scs_build.errors import FindingError, UnknownNameError

if TYPE_CHECKING:
    from scs_build.evidence.check import Outcome


@click.command()
@images_argument
@session_options("series", "platform")
@click.pass_context
def command(context: click.Context, session: Session, images: tuple[str, ...]) -> None:
    """List the licences of images, and what is wrong with them.

    Every artefact of IMAGE (of all images of the series when none is named) with its licence as an SPDX
    expression, and whether the artefact declares it or policy/licences.yaml states it. What has no licence,
    one that is not free, or no text in the image is a finding; so is, when no image is named, an entry of
    the policy that no image of any series needs.
    """
    from scs_build.evidence.licences import Licences

    outcomes = {name: Licences().run(subject_of(session, name)) for name in names_of(session, images)}
    unused = [] if images else _unused(session)
    wrong = [f"{name}: {f.text}" for name, o in outcomes.items() for f in o.findings if not f.accepted]
    value = {
        "images": [
            {**outcome.predicate, "findings": [finding.to_json() for finding in outcome.findings]}
            for outcome in outcomes.values()
        ],
        "unused": unused,
    }
    print_result(value, _text(outcomes), as_json=session.json)
    for name, outcome in outcomes.items():
        for finding in outcome.findings:
            if finding.accepted:
                talk(f"accepted: {name}: {finding.text}: {finding.accepted}")
    for text in (*wrong, *unused):
        talk(f"finding: {text}", colour="red")
    if wrong or unused:
        context.exit(FindingError.exit_code)


def _text(outcomes: dict[str, Outcome]) -> str:
    rows: dict[tuple[str, ...], None] = {}
    for outcome in outcomes.values():
        for line in outcome.predicate["artefacts"]:
            rows[line["id"], line["version"], line["basis"], line["licence"] or "?"] = None
    return table(("artefact", "version", "basis", "licence"), sorted(rows))


def _unused(session: Session) -> list[str]:
    """Return the entries of the policy that no image of any series needs, if all images are there to tell."""
    from scs_build.evidence.licence_policy import policy_of
    from scs_build.evidence.licences import entries_unused, entries_used

    used: set[Any] = set()
    policy = policy_of(session.catalogue)
    for series in session.catalogue.series_names:
        other = session.of_series(series)
        for name in names_of(other, ()):
            try:
                used |= entries_used(subject_of(other, name), policy)
            except UnknownNameError as error:
                talk(f"note: unused entries of the policy cannot be told: {series}: {error.reason}")
                return []
    return entries_unused(policy, used)
