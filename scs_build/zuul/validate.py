"""The check of all of Zuul's configuration that concerns this project, without any server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scs_build.errors import Location, ZuulError
from scs_build.run import run
from scs_build.zuul.configuration import Configuration, Finding
from scs_build.zuul.deployment import Deployment
from scs_build.zuul.lints import lint
from scs_build.zuul.offline import load


def validate(deployment: Deployment) -> tuple[Configuration, list[Finding]]:
    """Return the configuration, and what is wrong with it in the order of files and lines.

    What Zuul refuses comes alone: the rest would be about jobs that are missing only because of it.
    Raises as `load` does.
    """
    configuration = load(deployment)
    findings = list(configuration.findings)
    if not any(found.severity == "error" for found in findings):
        files = {folder: _files(folder) for folder in {job.folder for job in configuration.jobs}}
        findings += [*_refused(configuration), *lint(configuration, files)]
    return configuration, sorted(findings, key=lambda found: (found.where.path, found.where.line or 0))


def _refused(configuration: Configuration) -> Iterator[Finding]:
    """Freeze what can run in each pipeline: only now Zuul looks at dependencies and at who may run what."""
    for pipeline in sorted(configuration.pipelines):
        try:
            configuration.freeze(pipeline, ())
        except ZuulError as error:
            yield Finding(error.where or Location("zuul.d"), error.reason)


def _files(folder: Path) -> frozenset[str]:
    """Return the paths below a folder that git knows, or would know after `git add`."""
    # Checkouts of a job often belong to somebody else.
    git: list[str | Path] = ["git", "-c", "safe.directory=*", "-C", folder]
    listing = run([*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]).stdout
    names = listing.decode(errors="surrogateescape").split("\0")
    return frozenset(name for name in names if name and (folder / name).is_file())
