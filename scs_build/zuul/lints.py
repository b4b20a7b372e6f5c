"""What Zuul takes without a word and what is wrong all the same."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from scs_build.zuul.configuration import Configuration, Finding, Job

Files = Mapping[Path, Collection[str]]


def lint(configuration: Configuration, files: Files) -> Iterator[Finding]:
    """Yield what is wrong; `files` are the paths of each project by its folder."""
    yield from _pipelines(configuration)
    yield from _definitions(configuration)
    yield from _attachment(configuration)
    for job in configuration.jobs:
        yield from _paths(job, files[job.folder])
        yield from _names(job, configuration)


def _pipelines(configuration: Configuration) -> Iterator[Finding]:
    """A project that names a pipeline which nobody defined silently runs nothing there."""
    for stanza in configuration.stanzas:
        for name in stanza.jobs.keys() - configuration.pipelines:
            there = ", ".join(sorted(configuration.pipelines))
            yield Finding(
                stanza.where, f"there is no pipeline `{name}`, so its jobs never run; there are: {there}"
            )


def _definitions(configuration: Configuration) -> Iterator[Finding]:
    """The second definition of a name is taken for a variant of the first, as one for a branch should be."""
    first: dict[tuple[Path, str], Job] = {}
    for job in configuration.jobs:
        if job.branches:
            continue
        before = first.setdefault((job.folder, job.name), job)
        if before is not job:
            yield Finding(job.where, f"the job `{job.name}` is defined before, in {before.where}")


def _attachment(configuration: Configuration) -> Iterator[Finding]:
    """A job that no pipeline runs and no other builds on is dead, or its line was forgotten."""
    parents = {job.parent for job in configuration.jobs}
    run = {name for stanza in configuration.stanzas for jobs in stanza.jobs.values() for name in jobs}
    for job in configuration.jobs:
        if job.name not in run | parents:
            what = "no job builds on it" if job.abstract else "no pipeline runs it, and no job builds on it"
            yield Finding(job.where, f"the job `{job.name}` does nothing: {what}")


def _paths(job: Job, files: Collection[str]) -> Iterator[Finding]:
    for kind, names in (("playbook", job.playbooks), ("file of variables", job.vars_files)):
        for name in names:
            if name not in files:
                yield Finding(job.where, f"the job `{job.name}` names the {kind} {name}, which is not there")
    for pattern in job.patterns:
        if not any(pattern.matches(path) for path in files):
            yield Finding(
                job.where, f"`{pattern.text}` in {pattern.attribute} of the job `{job.name}` matches no file"
            )


def _names(job: Job, configuration: Configuration) -> Iterator[Finding]:
    """Zuul looks for an image when the job runs, and makes a semaphore of its own where none is declared."""
    for name in job.semaphores:
        if name not in configuration.semaphores:
            yield Finding(
                job.where, f"the job `{job.name}` uses the semaphore `{name}`, which nobody declares"
            )
    if job.image is not None and job.image not in configuration.images:
        yield Finding(
            job.where, f"the job `{job.name}` builds the image `{job.image}`, which nobody declares"
        )
