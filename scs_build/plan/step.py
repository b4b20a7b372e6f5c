"""A step: what it depends on as flat facts, and its key, known before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from scs_build.canonical import digest_of
from scs_build.inputs.artefact import Artefact

Kind = Literal[
    "tools", "scaffold", "install", "wheel", "bytecode", "venv", "packages", "files", "system", "image"
]  # fmt: skip

# The format version of each kind of step: raised whenever a change of code changes bytes.
FORMATS: Mapping[Kind, int] = {
    "tools": 1,
    "scaffold": 2,
    "install": 4,
    "wheel": 2,
    "bytecode": 1,
    "venv": 1,
    "packages": 1,
    "files": 1,
    "system": 1,
    "image": 1,
}


@dataclass(frozen=True, eq=False)
class Step:
    """One node of the plan.

    `facts` are what the result depends on, by readable name (`deb:openssl`, `recipe:users`,
    `file:uwsgi.ini`), each with a value that changes when the thing changes. `needs` are steps whose
    results shape this one. `runs_on` are steps that must be there to run this one but whose content
    it does not read further than its facts say. `artefacts` must be in the store before it runs.
    """

    name: str
    kind: Kind
    subject: str
    platform: str
    facts: Mapping[str, str]
    needs: tuple[Step, ...] = ()
    runs_on: tuple[Step, ...] = ()
    artefacts: tuple[Artefact, ...] = ()

    @cached_property
    def key(self) -> str:
        """The key from all inputs, direct and through other steps."""
        return self._key({step.name: step.key for step in self.needs})

    def resolved_key(self, results: Mapping[str, str]) -> str:
        """The key from the *results* of the steps it needs: equal results stop a change here."""
        return self._key({"results": results})

    def _key(self, needs: Mapping[str, object]) -> str:
        own = {"kind": self.kind, "format": FORMATS[self.kind], "platform": self.platform}
        return digest_of({**own, "facts": dict(self.facts), "needs": needs})

    def closure(self) -> dict[str, Step]:
        """Return this step and all that it may have to wait for, by name, dependencies first."""
        found: dict[str, Step] = {}
        _collect(self, found)
        return found


def _collect(step: Step, found: dict[str, Step]) -> None:
    if step.name in found:
        return
    for other in (*step.needs, *step.runs_on):
        _collect(other, found)
    found[step.name] = step


def artefact_facts(artefacts: tuple[Artefact, ...], prefix: str = "") -> dict[str, str]:
    """Return one fact per artefact: its version and hash under its id."""
    return {f"{prefix}{a.id}": f"{a.version} {a.sha256}" for a in artefacts}
