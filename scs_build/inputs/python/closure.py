"""Proof, from lock lines alone, that every requirement is met and that nothing is superfluous."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scs_build.inputs.artefact import Artefact
from scs_build.inputs.locking import Finding
from scs_build.inputs.python.metadata import read_metadata
from scs_build.inputs.python.requirements import Need, applicable, canonical, read

if TYPE_CHECKING:
    from packaging.markers import Environment


def check_closure(
    roots: Iterable[Need], own: Mapping[str, Artefact], below: Mapping[str, Artefact]
) -> list[Finding]:
    """Return what `own` lines (by name) lack or have too much, on top of those of the images `below`."""
    unsaid = [line for line in own.values() if "requires" not in line.data]
    if unsaid:
        return [Finding(f"{_shown(unsaid[0])} does not say what it requires{_as_others(unsaid)}", unsaid[0])]
    walk = _Walk(own, below)
    for need in roots:
        walk.follow(need, None)
    while walk.queue:
        line = walk.queue.pop()
        for need in walk.needs_of(line):
            walk.follow(need, line)
    return [*walk.findings, *walk.surplus()]


def _as_others(unsaid: list[Artefact]) -> str:
    more = len(unsaid) - 1
    others = f" (nor do {more} more)" if more else ""
    return f"{others}: this lock is of an older format; locking again keeps every version"


@dataclass
class _Walk:
    """The state of a walk: extras asked of each line, lines still to be followed, what was found."""

    own: Mapping[str, Artefact]
    below: Mapping[str, Artefact]
    asked: dict[str, set[str]] = field(default_factory=dict)
    queue: list[Artefact] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def needs_of(self, line: Artefact) -> list[Need]:
        """Return what a line requires."""
        needs = []
        texts = line.data["requires"]
        for text in texts if isinstance(texts, list) else [texts]:
            try:
                needs.append(read(str(text)))
            except ValueError as error:
                self.findings.append(Finding(f"{_shown(line)}: {error}", line))
        return needs

    def follow(self, need: Need, by: Artefact | None) -> None:
        """Check one requirement, of a line or (None) of the recipe, and go on with what it leads to."""
        who = _shown(by) if by else "the recipe"
        line = self.own.get(need.name) or self.below.get(need.name)
        if line is None:
            self.findings.append(Finding(f"{who} requires {need}, which is not in the lock", by))
            return
        if not need.holds(line.version):
            self.findings.append(Finding(f"{who} requires {need}, locked is {line.version}", by or line))
        if lacking := sorted(need.extras - extras_of(line)):
            self.findings.append(_without(who, need, line, lacking, line if need.name in self.own else by))
        if need.name in self.own and need.name not in self.asked:
            self.queue.append(line)
        self.asked.setdefault(need.name, set()).update(need.extras)

    def surplus(self) -> list[Finding]:
        """Return the own lines, and extras of them, that nothing asked for."""
        found = []
        for name, line in sorted(self.own.items()):
            more = sorted(extras_of(line) - self.asked.get(name, set()))
            if name not in self.asked:
                found.append(Finding(f"{name} is locked and nothing needs it", line))
            elif more:
                found.append(
                    Finding(f"{name} is locked with [{','.join(more)}] and nothing needs that", line)
                )
        return found


def unmet(
    wheels: Iterable[tuple[Artefact, Path]], held: Mapping[str, str], environment: Environment
) -> Iterator[str]:
    """Yield what wheels (each with its file) require and `held`, versions by name, does not fulfil."""
    for line, path in wheels:
        requires = read_metadata(line, path).requires
        for need in sorted(applicable(line.name, requires, extras_of(line), environment), key=str):
            version = held.get(need.name)
            if version is None or not need.holds(version):
                yield f"{_shown(line)} requires {need}, locked is {version or 'none'}"


def extras_of(line: Artefact) -> set[str]:
    """Return the extras whose requirements a line includes."""
    extras = line.data.get("extras", [])
    return {canonical(str(extra)) for extra in extras} if isinstance(extras, list) else set()


def _without(who: str, need: Need, line: Artefact, lacking: list[str], at: Artefact | None) -> Finding:
    return Finding(f"{who} requires {need}, and {_shown(line)} is locked without [{','.join(lacking)}]", at)


def _shown(line: Artefact) -> str:
    return f"{line.name} {line.version}"
