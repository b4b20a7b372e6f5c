"""`scs-build doctor`: what this machine can do, and how to mend what it cannot."""

from __future__ import annotations

from dataclasses import asdict

import click

from scs_build.cli.options import Session, session_options
from scs_build.cli.output import print_result, table
from scs_build.errors import InfrastructureError

SIGNS = {"ok": "ok", "warning": "WARNING", "missing": "MISSING"}


@click.command()
@session_options()
@click.pass_context
def command(context: click.Context, session: Session) -> None:
    """Check whether this machine can build, and say how to mend what it cannot.

    Ends with 0 when a build can run here, with warnings too.
    """
    from scs_build.cli.checks import all_checks

    checks = all_checks(session)
    ready = not any(check.verdict == "missing" for check in checks)
    rows = [(SIGNS[check.verdict], check.name, check.found) for check in checks]
    lines = [table((), rows)]
    lines += [f"\n{check.name}: {check.mend}" for check in checks if check.mend]
    lines.append("\nthis machine can build" if ready else "\nthis machine cannot build yet")
    print_result(
        {"ready": ready, "checks": [asdict(check) for check in checks]},
        "\n".join(lines),
        as_json=session.json,
    )
    if not ready:
        context.exit(InfrastructureError.exit_code)
