"""`scs-build check`: what is to be said about images, as evidence."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from scs_build.cli.common import evidence_of, graph_of, images_argument, manifest_of, names_of, output_option
from scs_build.cli.options import Session, session_options
from scs_build.cli.output import print_result, seconds, table

if TYPE_CHECKING:
    from scs_build.errors import ScsBuildError
    from scs_build.evidence.restricted import Runner
    from scs_build.evidence.runner import CheckRun
    from scs_build.plan.graph import Graph


def complete_check(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Offer the checks to the shell."""
    from scs_build.evidence.checks import CHECKS

    return [CompletionItem(name) for name in CHECKS if name.startswith(incomplete)]


@click.command()
@images_argument
@click.option(
    "--only", multiple=True, metavar="CHECK", shell_complete=complete_check,
    help="Only this check; may be given several times.",
)  # fmt: skip
@output_option
@session_options("series", "platform", "engine", "offline", "jobs")
def command(session: Session, images: tuple[str, ...], only: tuple[str, ...], output: Path) -> None:
    """Check images against the contracts of this project, and write the evidence.

    Looks at images as they were built (`scs-build build` comes first); without IMAGE: at every image of the
    series. `hardening` looks for what policy/hardening.yaml rules out in the bytes that are shipped; `smoke`
    runs each image with nothing but what its recipe declares. What was found before is not looked for again
    until image, recipe, policy or check change.

    Each outcome is an in-toto statement about the digest of the image, put beside the images and into the
    manifest's index; `scs-build verify` checks them. A finding that the recipe accepts, with a reason under
    `exceptions`, does no harm; any other ends the command with exit code 35.

    \b
      scs-build check                            # every image, every check
      scs-build check keystone --only hardening
      jq .predicate.rules out/evidence/2026.1/keystone/hardening.json
    """
    from scs_build.evidence.publish import publish

    began = time.monotonic()
    names = names_of(session, images)
    graph = graph_of(session)
    result = run_all(session, graph, names, only)
    folder = evidence_of(output, graph.series.name)
    publish(session.store, folder, result.verdicts)
    indexed = index(result, manifest_of(output, graph.series.name))
    spent = time.monotonic() - began
    value = {
        "series": graph.series.name,
        "platform": graph.platform,
        "seconds": round(spent, 3),
        "verdicts": [verdict.to_json() for verdict in result.verdicts],
        "failures": [{"image": i, "check": c, **e.to_json()} for (i, c), e in result.failures.items()],
        "evidence": str(folder),
        "indexed": indexed,
    }
    print_result(value, result_text(result, names, folder, indexed, spent), as_json=session.json)
    end(result)


def run_all(session: Session, graph: Graph, names: tuple[str, ...], only: tuple[str, ...]) -> CheckRun:
    """Run the checks of these names, else all, on images."""
    from scs_build.evidence.checks import Context, make_checks
    from scs_build.evidence.runner import run_checks

    checks = make_checks(Context(graph, _runner(session, graph)), only)
    return run_checks(graph, session.store, names, checks, session.jobs, session.progress)


def _runner(session: Session, graph: Graph) -> Runner:
    """Return what runs images; it costs nothing before the first one runs."""
    from scs_build.cli.running import tools_of
    from scs_build.errors import EngineError
    from scs_build.stack.restricted import NativeRunner

    if session.engine == "docker":
        raise EngineError("the docker engine runs no images yet", solution="use --engine native, as root")
    return NativeRunner(lambda: tools_of(session, graph), session.progress)


def index(result: CheckRun, path: Path) -> bool:
    """Put the verdicts into the index of a manifest; return whether it has these very images."""
    from scs_build.errors import ManifestError
    from scs_build.manifest.evidence import with_verdicts
    from scs_build.manifest.manifest import read_manifest, write_manifest

    try:
        manifest = read_manifest(path)
    except ManifestError:
        return False
    new = with_verdicts(manifest, result.verdicts)
    if new != manifest:
        write_manifest(new, path)
    there = {(entry.image, entry.digest) for entry in new.evidence}
    return all((verdict.image, verdict.statement) in there for verdict in result.verdicts)


def result_text(
    result: CheckRun, names: tuple[str, ...], folder: Path, indexed: bool, spent: float
) -> str:  # fmt: skip
    """Return the verdicts as a table of images and checks, then every finding, then where it all lies."""
    checks = list(dict.fromkeys([*(v.check for v in result.verdicts), *(c for _, c in result.failures)]))
    cells: dict[tuple[str, str], str] = {(v.image, v.check): _cell(v.findings) for v in result.verdicts}
    cells |= dict.fromkeys(result.failures, "could not look")
    matrix = table(
        ("image", *checks), [(name, *(cells.get((name, check), "-") for check in checks)) for name in names]
    )
    made = sum(verdict.seconds > 0 for verdict in result.verdicts)
    end = (
        f"{made} looked at, {len(result.verdicts) - made} known, in {seconds(spent)}; statements in {folder}"
    )
    if not indexed:
        end += "\nno manifest of these images is there to index them in: `scs-build manifest` writes it"
    return "\n\n".join(filter(None, (matrix, *_findings(result), end)))


def end(result: CheckRun) -> None:
    """End the command if something was found, or could not be looked for."""
    from scs_build.cli.ends import report_all
    from scs_build.errors import FindingError

    broken = [verdict for verdict in result.verdicts if not verdict.ok]
    errors: dict[str, ScsBuildError] = {}
    for (image, check), error in result.failures.items():
        # What keeps an image from being looked at at all is told once.
        if error not in errors.values():
            errors[f"{check} of {image}"] = error
    if broken:
        bad = sorted({verdict.image for verdict in broken})
        errors["check"] = FindingError(
            f"{', '.join(bad)}: not as the contracts ask for",
            solution="mend the image, or say in its recipe why: exceptions: {RULE: {PATH: reason}}",
        )
    if errors:
        raise SystemExit(report_all(errors))


def _cell(findings: tuple[Any, ...]) -> str:
    bad = sum(not finding.accepted for finding in findings)
    accepted = len(findings) - bad
    verdict = f"{bad} FOUND" if bad else "ok"
    return f"{verdict}, {accepted} accepted" if accepted else verdict


def _findings(result: CheckRun) -> list[str]:
    """Return a paragraph for what must be mended and one for what is accepted."""
    parts = []
    for title, accepted in (("found", False), ("accepted", True)):
        rows = [
            (
                verdict.image,
                finding.rule,
                f"/{finding.path}" if finding.path else "",
                finding.accepted or finding.text,
            )
            for verdict in result.verdicts
            for finding in verdict.findings
            if bool(finding.accepted) == accepted
        ]
        if rows:
            parts.append(f"{title}:\n{table((), rows)}")
    return parts
