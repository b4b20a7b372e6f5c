"""`scs-build check`: what is to be said about images, as evidence."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from scs_build.cli.common import (
    engine_of,
    evidence_of,
    graph_of,
    images_argument,
    manifest_of,
    names_of,
    options_of,
    output_option,
)
from scs_build.cli.options import Session, session_options
from scs_build.cli.output import marked, print_result, seconds, table

if TYPE_CHECKING:
    from scs_build.engines.tools import ToolsTree
    from scs_build.errors import ScsBuildError
    from scs_build.evidence.restricted import Runner
    from scs_build.evidence.runner import CheckRun
    from scs_build.plan.graph import Graph


# What `check --json` prints, and what could not be looked at, by image and check.
Answer = dict[str, Any]
Failures = Mapping[tuple[str, str], "ScsBuildError"]
# So many paths of an image with the same to be said of them are told one by one.
SHOWN = 3


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
@session_options("series", "platform")
def command(session: Session, images: tuple[str, ...], only: tuple[str, ...], output: Path) -> None:
    """Check images against the contracts of this project, and write the evidence.

    Looks at images as they were built (`scs-build build` comes first); without IMAGE: at every image of the
    series. `attribution` explains every path, `sbom` composes the bill of materials, `licences` judges what
    is in it by policy/licences.yaml, `hardening` looks for what policy/hardening.yaml rules out in the bytes
    that are shipped, `smoke` runs each image with nothing but what its recipe declares, in a sandbox or at
    a Docker daemon (--engine), where nothing of it stays. What was found before is not looked for again until
    image, recipe, policy or check change, or another engine is asked.

    Each outcome is an in-toto statement about the digest of the image, put beside the images and into the
    manifest's index; `scs-build verify` checks them. A finding that the recipe accepts, with a reason under
    `exceptions`, does no harm; any other ends the command with exit code 35.

    \b
      scs-build check                            # every image, every check
      scs-build check keystone --only hardening
      jq .predicate.rules out/evidence/2026.1/keystone/hardening.json
    """
    began = time.monotonic()
    answer, failures = _known(session, images, only, output) or look(session, images, only, output)
    answer["seconds"] = round(time.monotonic() - began, 3)
    print_result(answer, result_text(answer), as_json=session.json)
    end(answer, failures)


def _known(
    session: Session, images: tuple[str, ...], only: tuple[str, ...], output: Path
) -> tuple[Answer, Failures] | None:
    """Return the answer if nothing changed since it was found, and all that it names is there."""
    from scs_build.evidence.publish import publish
    from scs_build.evidence.remembered import remembered

    answer = remembered(
        session.store, _mark(session, images, only, output), manifest_of(output, session.series)
    )
    if answer is None:
        return None
    publish(session.store, evidence_of(output), answer["series"], answer["verdicts"])
    return answer, {}


def _mark(session: Session, images: tuple[str, ...], only: tuple[str, ...], output: Path) -> str:
    from scs_build.evidence.remembered import mark_of

    asked: dict[str, object] = {
        "series": session.series,
        "platform": session.platform,
        "engine": session.engine,
    }
    asked |= {"images": images, "only": only, "output": str(output)}
    return mark_of(session.root, asked, session.layers)


def look(
    session: Session, images: tuple[str, ...], only: tuple[str, ...], output: Path
) -> tuple[Answer, Failures]:
    """Run the checks and put the statements beside the images.

    Returns what `check --json` prints but for its time, and what could not be looked at.
    """
    from scs_build.evidence.publish import publish
    from scs_build.evidence.remembered import remember

    graph = graph_of(session)
    series = graph.series.name
    names = names_of(session, images)
    result = run_all(session, graph, names, only)
    verdicts = [verdict.to_json() for verdict in result.verdicts]
    publish(session.store, evidence_of(output), series, verdicts)
    answer = {
        "series": series,
        "platform": graph.platform,
        "origins": {name: origin for name in names if (origin := list(graph.origin_names(name)))},
        "verdicts": verdicts,
        "failures": [{"image": i, "check": c, **e.to_json()} for (i, c), e in result.failures.items()],
        "evidence": str(evidence_of(output) / series),
        "indexed": index(result, manifest_of(output, series)),
    }
    if answer["indexed"] and not result.failures and all(verdict.ok for verdict in result.verdicts):
        keys = [graph.image(name).key for name in names]
        mark = _mark(session, images, only, output)
        remember(session.store, mark, answer, keys, manifest_of(output, series))
    return answer, result.failures


def run_all(session: Session, graph: Graph, names: tuple[str, ...], only: tuple[str, ...]) -> CheckRun:
    """Run the checks of these names, else all, on images; what a collection took is brought back first."""
    from scs_build.build.restore import restore
    from scs_build.evidence.checks import Context, make_checks
    from scs_build.evidence.runner import run_checks

    with ExitStack() as ends:

        def make_runner() -> Runner:
            return ends.enter_context(closing(_runner(session, graph)))

        checks = make_checks(Context(graph, make_runner), only)
        restore(graph, session.store, names, options_of(session), session.progress)
        return run_checks(graph, session.store, names, checks, session.jobs, session.progress)


def _runner(session: Session, graph: Graph) -> Runner:
    """Return what runs images, with the engine that would run steps; only `auto` has to try what works."""
    from scs_build.cli.running import tools_of
    from scs_build.errors import ScsBuildError
    from scs_build.stack.restricted import NativeRunner
    from scs_build.stack.restricted_docker import DockerRunner

    def find_tools() -> ToolsTree:
        return tools_of(session, graph)

    engine = session.engine
    if engine == "auto":
        # Where nothing works, the one check that runs something tells so, for each image.
        with suppress(ScsBuildError):
            engine = engine_of(session, find_tools()).name
    if engine == "docker":
        return DockerRunner(session.platform, session.store, find_tools)
    return NativeRunner(find_tools, session.progress)


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


def result_text(answer: Answer) -> str:
    """Return the verdicts as a table of images and checks, then every finding, then where it all lies."""
    verdicts, failures = answer["verdicts"], answer["failures"]
    cells = {(v["image"], v["check"]): _cell(v["findings"]) for v in verdicts}
    cells |= {(f["image"], f["check"]): "could not look" for f in failures}
    images, checks = (list(dict.fromkeys(names)) for names in zip(*cells, strict=True)) if cells else ([], [])
    origins = answer["origins"]
    rows = [
        (marked(name, origins.get(name, ())), *(cells.get((name, check), "-") for check in checks))
        for name in images
    ]
    made = sum(verdict["seconds"] > 0 for verdict in verdicts)
    done = f"{made} looked at, {len(verdicts) - made} known, in {seconds(answer['seconds'])}"
    end = f"{done}; statements in {answer['evidence']}"
    if not answer["indexed"]:
        end += "\nno manifest of these images is there to index them in: `scs-build manifest` writes it"
    return "\n\n".join(filter(None, (table(("image", *checks), rows), *_findings(verdicts), end)))


def end(answer: Answer, failures: Failures) -> None:
    """End the command if something was found, or could not be looked for."""
    from scs_build.cli.ends import report_all
    from scs_build.errors import FindingError

    errors: dict[str, ScsBuildError] = {}
    for (image, check), error in failures.items():
        # What keeps an image from being looked at at all is told once.
        if error not in errors.values():
            errors[f"{check} of {image}"] = error
    bad = dict.fromkeys(verdict["image"] for verdict in answer["verdicts"] if not verdict["ok"])
    if bad:
        first = next(iter(bad))
        explain = f"scs-build explain {first} {shlex.quote(_path_of(first, answer['verdicts']))}"
        errors["check"] = FindingError(
            f"{', '.join(bad)}: not as the contracts ask for",
            solution="mend the image, or say why: in its recipe (exceptions: {RULE: {PATH: reason}}),"
            f" of licences in policy/licences.yaml; `{explain}` says who brought a path, and"
            f" `scs-build shell {first}` is a look into the tree that an image is taken from",
        )
    if errors:
        raise SystemExit(report_all(errors))


def _path_of(image: str, verdicts: list[dict[str, Any]]) -> str:
    """Return the first path that something was found at in an image; PATH where it was at none."""
    found = (f for v in verdicts if v["image"] == image for f in v["findings"] if not f["accepted"])
    return next((f"/{f['path'].lstrip('/')}" for f in found if f["path"]), "PATH")


def _cell(findings: list[dict[str, str]]) -> str:
    bad = sum(not finding["accepted"] for finding in findings)
    accepted = len(findings) - bad
    verdict = f"{bad} FOUND" if bad else "ok"
    return f"{verdict}, {accepted} accepted" if accepted else verdict


def _findings(verdicts: list[dict[str, Any]]) -> list[str]:
    """Return a paragraph for what must be mended and one for what is accepted."""
    # By title, then by image, rule and text: of many paths with the same to be said, a few are shown.
    groups: dict[str, dict[tuple[str, str, str], list[str]]] = {"found": {}, "accepted": {}}
    for verdict in verdicts:
        for finding in verdict["findings"]:
            # Some checks name paths as tars do, others as people.
            place = f"/{finding['path'].lstrip('/')}" if finding["path"] else ""
            group = (verdict["image"], finding["rule"], finding["accepted"] or finding["text"])
            groups["accepted" if finding["accepted"] else "found"].setdefault(group, []).append(place)
    return [f"{title}:\n{table((), _rows(found))}" for title, found in groups.items() if found]


def _rows(groups: Mapping[tuple[str, str, str], list[str]]) -> list[tuple[str, str, str, str]]:
    rows = []
    for (image, rule, text), places in groups.items():
        rows += [(image, rule, place, text) for place in places[:SHOWN]]
        if len(places) > SHOWN:
            rest = f"and {len(places) - SHOWN} more of this rule; --json has all"
            rows.append((image, rule, "", rest))
    return rows
