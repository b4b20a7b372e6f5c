"""`scs-build plan`: what a build would do, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scs_build.cli.common import graph_of, images_argument, names_of
from scs_build.cli.options import Session, session_options
from scs_build.cli.output import print_result, table

if TYPE_CHECKING:
    from scs_build.plan.plan import Plan


@click.command()
@images_argument
@session_options("series", "platform")
def command(session: Session, images: tuple[str, ...]) -> None:
    """Show what a build would do, and why, without doing it.

    Reads recipes, locks and the store; contacts nothing. Without IMAGE: every image of the series.
    """
    from scs_build.plan.plan import make_plan

    plan = make_plan(graph_of(session), session.store, names_of(session, images))
    print_result(plan.to_json(), plan_text(plan), as_json=session.json)


def plan_text(plan: Plan) -> str:
    """Return the plan as a table: one line per image, further reasons below it."""
    rows = []
    for image in plan.images:
        first, *more = image.reasons or [""]
        rows.append((image.name, image.action, str(len(image.steps) or ""), first))
        rows += [("", "", "", reason) for reason in more]
    return table(("image", "action", "steps", "why"), rows, right=(2,))
