"""`scs-build store`: how much the store holds, whether it is sound, and making room."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

import click

from scs_build.cli.hints import call_args, repeated
from scs_build.cli.options import Session, session_options
from scs_build.cli.output import print_result, print_text, size, table
from scs_build.errors import VerificationError

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


class Size(click.ParamType[int]):
    """A size such as `500M` or `10G`, in bytes; units are powers of 1000."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number of bytes."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", str(value).strip().upper())
        if not match:
            self.fail(f"{value!r} is not a size such as 500M or 10G", param, ctx)
        return round(float(match[1]) * UNITS[match[2]])


@click.group()
def command() -> None:
    """Look after the store of fetched and built content.

    Everything in it can be fetched or built again; taking something away costs time only.
    """


@command.command()
@session_options()
def path(session: Session) -> None:
    """Print the folder of the store."""
    root = str(session.store.root)
    print_result({"path": root}, root, as_json=session.json)


@command.command()
@session_options()
def usage(session: Session) -> None:
    """Print how much the store holds."""
    usage = session.store.sizes()
    parts = {"blobs": usage.blobs, "trees": usage.trees, "records": usage.steps, "unfinished": usage.tmp}
    rows = [(name, size(count)) for name, count in (*parts.items(), ("total", usage.total))]
    text = f"{session.store.root}: {usage.count} entries\n{table((), rows, right={1})}"
    value = {"path": str(session.store.root), "entries": usage.count, "total": usage.total, **parts}
    print_result(value, text, as_json=session.json)


@command.command()
@session_options()
@click.option("--repair", is_flag=True, help="Take away what is broken; the next run makes it again.")
@click.pass_context
def verify(context: click.Context, session: Session, repair: bool) -> None:
    """Read every entry and check that it is what its name says."""
    from scs_build.store.verify import verify as verify_store

    problems = verify_store(session.store, session.progress, repair=repair)
    lines = [f"{problem.what}: {problem.reason}" for problem in problems]
    verdict = f"{len(problems)} broken entries" if problems else "the store is sound"
    text = "\n".join([*lines, verdict + (", taken away" if problems and repair else "")])
    value = {"problems": [asdict(problem) for problem in problems], "repaired": repair}
    print_result(value, text, as_json=session.json)
    if problems and not repair:
        click.echo(f"\nhint: {repeated('run: scs-build store verify --repair', call_args())}", err=True)
        context.exit(VerificationError.exit_code)


@command.command()
@session_options()
@click.option(
    "--max-size", type=Size(), help="Bring the store down to this size (500M, 10G), oldest use first."
)
@click.option("--all", "everything", is_flag=True, help="Take away everything that nobody is using now.")
@click.option("--dry-run", is_flag=True, help="Show what would go; take nothing away.")
def gc(session: Session, max_size: int | None, everything: bool, dry_run: bool) -> None:
    """Make room: take away what was not used for the longest time.

    What a running scs-build uses always stays.
    """
    from scs_build.store.gc import collect, plan_gc

    if everything == (max_size is not None):
        raise click.UsageError(
            "Say how far to go: --max-size 10G takes away what was not used for the longest time until 10 GB"
            " are left, --all everything that nobody is using now. With --dry-run either only shows it."
        )
    items = plan_gc(session.store, max_bytes=None if everything else max_size)
    if dry_run:
        freed = sum(item.bytes for item in items)
        removed, in_use = items, 0
    else:
        done = collect(session.store, items)
        freed, removed, in_use = done.bytes, list(done.removed), len(done.skipped)
    if session.verbose and not session.json:
        print_text(table((), [(item.kind, item.key, size(item.bytes)) for item in removed], right={2}))
    value = {
        "removed": [asdict(item) for item in removed],
        "bytes": freed,
        "in_use": in_use,
        "dry_run": dry_run,
    }
    would = "would go" if dry_run else "gone"
    kept = f", {in_use} in use stay" if in_use else ""
    print_result(value, f"{len(removed)} entries, {size(freed)}: {would}{kept}", as_json=session.json)
