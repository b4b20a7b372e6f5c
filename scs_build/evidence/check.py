"""What a check is, and what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from scs_build.evidence.subject import Subject


@dataclass(frozen=True)
class Finding:
    """Something that is not as it must be: the `rule` that it breaks, where in the image, in one sentence.

    `accepted` is the reason that the recipe states for it; empty: it fails the check.
    """

    rule: str
    path: str
    text: str
    accepted: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the finding as plain values."""
        return {"rule": self.rule, "path": self.path, "text": self.text, "accepted": self.accepted}


@dataclass(frozen=True)
class Outcome:
    """What a check found: `predicate` is the body of its attestation, the same for the same image.

    `blobs` are hashes of blobs of the store that the predicate names and that are to be kept with it.
    """

    predicate: Mapping[str, Any]
    findings: tuple[Finding, ...] = field(default=())
    blobs: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing was found that is not accepted."""
        return all(finding.accepted for finding in self.findings)


class Check(Protocol):
    """One kind of evidence. An outcome holds for a digest as long as `inputs` stay the same.

    `inputs` also hold the version of the check's own code, raised by whatever changes an outcome. A check
    that has `reads_layers = False` does not ask for the paths of the image, which then are not read for it.
    """

    name: str
    predicate_type: str

    def inputs(self, subject: Subject) -> Mapping[str, str]:
        """Return what the outcome depends on beside the image: policy, locks, tools; cheap to ask."""

    def run(self, subject: Subject) -> Outcome:
        """Look at the image."""
