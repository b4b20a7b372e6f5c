"""Zuul's configuration as its own parsers read it, in plain values: what is wrong, jobs, who runs them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from scs_build.errors import Location


@dataclass(frozen=True)
class Finding:
    """Something wrong at a place; Zuul calls some of it a `warning` (it works now, and will not for ever)."""

    where: Location
    reason: str
    severity: str = "error"

    def __str__(self) -> str:
        return f"{self.where}: {self.severity}: {self.reason}"

    def to_json(self) -> dict[str, str]:
        """Return the finding's line of `zuul validate --json`."""
        return {"where": str(self.where), "severity": self.severity, "reason": self.reason}


@dataclass(frozen=True)
class Pattern:
    """A regular expression of `files` or `irrelevant-files`, and how Zuul applies it to a path."""

    attribute: str
    text: str
    matches: Callable[[str], object]


@dataclass(frozen=True)
class Job:
    """One definition of a job; `folder` is where the files of its project lie.

    `branches` tells whether it says for which branches it is: then it is a variant on purpose.
    """

    name: str
    where: Location
    folder: Path
    parent: str
    abstract: bool
    branches: bool
    playbooks: tuple[str, ...]
    vars_files: tuple[str, ...]
    semaphores: tuple[str, ...]
    image: str | None
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True)
class Stanza:
    """A `project` or `project-template`: its jobs by pipeline."""

    kind: str
    name: str
    where: Location
    jobs: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class FrozenJob:
    """A job that runs for a change: its variables, and the jobs that it waits for."""

    name: str
    variables: Mapping[str, object]
    waits_for: frozenset[str]


@dataclass(frozen=True)
class Configuration:
    """All that was read. `freeze(pipeline, paths)` returns the jobs that run for a change of these paths."""

    findings: tuple[Finding, ...]
    jobs: tuple[Job, ...]
    stanzas: tuple[Stanza, ...]
    pipelines: frozenset[str]
    semaphores: frozenset[str]
    images: frozenset[str]
    freeze: Callable[[str, Collection[str]], tuple[FrozenJob, ...]]
