"""`scs-build why`: why an image would be built, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scs_build.cli.common import graph_of
from scs_build.cli.options import Session, complete_image, session_options
from scs_build.cli.output import print_result, table

if TYPE_CHECKING:
    from scs_build.recipes.patches.patch import Patch


@click.command()
@click.argument("image", shell_complete=complete_image)
@session_options("series", "platform")
def command(session: Session, image: str) -> None:
    """Say why IMAGE would be built again, or of what it stands.

    Shows every step of the image: whether its result is there, and if not, which input changed since this
    checkout was last built. A step without a reason of its own runs because a step before it runs. Then the
    patches that the image carries: what each mends, the change upstream, and the version that has it.
    """
    from scs_build.plan.plan import make_plan

    graph = graph_of(session)
    (planned,) = make_plan(graph, session.store, [image]).images
    reasons = {p.step.name: list(p.reasons) for p in planned.steps}
    steps = graph.image(image).closure().values()
    patches = [patch for part in graph.catalogue.lineage(image) for patch in graph.patches(part)]
    answer = {
        **planned.to_json(),
        "patches": [patch.to_json() for patch in patches],
        "steps": [
            {
                "name": step.name,
                "key": step.key,
                "action": "build" if step.name in reasons else "none",
                "reasons": reasons.get(step.name, []),
                "facts": dict(step.facts),
                "needs": [need.name for need in step.needs],
            }
            for step in steps
        ],
    }
    rows = [_row(step.name, step.key, reasons.get(step.name)) for step in steps]
    text = table(("step", "key", "action", "why"), rows)
    if planned.origin:
        text += f"\n\ntouched by the layers: {', '.join(planned.origin)}"
    if patches:
        text += f"\n\n{table(('patch', 'mends', 'upstream', 'merged in'), map(_ledger, patches))}"
    print_result(answer, text, as_json=session.json)


def _ledger(patch: Patch) -> tuple[str, ...]:
    return f"{patch.target}/{patch.name}", ", ".join(patch.mends), patch.change, patch.header.merged_in


def _row(name: str, key: str, reasons: list[str] | None) -> tuple[str, str, str, str]:
    if reasons is None:
        return name, key[:12], "none", ""
    shown = "; ".join(reasons[:3]) + (f"; and {len(reasons) - 3} more" if len(reasons) > 3 else "")
    return name, key[:12], "build", shown or "a step before it runs"
