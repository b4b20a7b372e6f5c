"""`scs-build plan`: what a build would do, and why."""

from __future__ import annotations

from typing import Any

import click

from scs_build.cli.common import graph_of, images_argument, names_of
from scs_build.cli.options import Session, session_options
from scs_build.cli.output import marked, print_result, table


@click.command()
@images_argument
@session_options("series", "platform")
def command(session: Session, images: tuple[str, ...]) -> None:
    """Show what a build would do, and why, without doing it.

    Reads recipes, locks and the store; contacts nothing. Without IMAGE: every image of the series.
    """
    from scs_build.plan.remembered import fingerprint

    mark = fingerprint(session.root, session.series, session.platform, session.layers)
    answer = _nothing_to_do(session, mark, images) or _planned(session, mark, images)
    print_result(answer, plan_text(answer["images"]), as_json=session.json)


def _nothing_to_do(session: Session, mark: str, images: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the plan if nothing changed since the last one and all is built: without reading a recipe."""
    from scs_build.plan.remembered import all_there

    known = all_there(session.store, mark)
    if known is None or not {image.name for image in known}.issuperset(images):
        return None
    lines = [
        {**image._asdict(), "action": "none", "reasons": [], "steps": []}
        for image in known
        if image.name in images or not images
    ]
    return {"series": session.series, "platform": session.platform, "images": lines}


def _planned(session: Session, mark: str, images: tuple[str, ...]) -> dict[str, Any]:
    """Return the plan; where nothing is to be done for the whole series, remember that."""
    from scs_build.plan.plan import make_plan
    from scs_build.plan.remembered import KnownImage, remember_keys

    plan = make_plan(graph_of(session), session.store, names_of(session, images))
    complete = len(plan.images) == len(names_of(session, ()))
    if complete and all(image.action == "none" for image in plan.images):
        known = (KnownImage(image.name, image.kind, image.step.key, image.origin) for image in plan.images)
        remember_keys(session.store, mark, known)
    return plan.to_json()


def plan_text(images: list[dict[str, Any]]) -> str:
    """Return the plan as a table, one line per image, further reasons below it; then what it comes to."""
    rows = []
    for image in images:
        first, *more = image["reasons"] or [""]
        rows.append(
            (marked(image["name"], image["origin"]), image["action"], str(len(image["steps"]) or ""), first)
        )
        rows += [("", "", "", reason) for reason in more]
    todo = {step["name"] for image in images for step in image["steps"]}
    count = sum(image["action"] == "build" for image in images)
    steps = f"{len(todo)} step{'s' if len(todo) != 1 else ''}"
    end = f"{count} of {len(images)} to build, in {steps}" if count else "nothing to build: all is there"
    return f"{table(('image', 'action', 'steps', 'why'), rows, right=(2,))}\n\n{end}"
