"""One check of one image: known from before, or made now, and what it says."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from scs_build.canonical import digest_of, sha256_file
from scs_build.errors import ScsBuildError
from scs_build.evidence.check import Check, Finding, Outcome
from scs_build.evidence.statement import Statement
from scs_build.evidence.subject import Subject
from scs_build.plan.history import usable
from scs_build.store.store import Store

# Raised by whatever changes a record or a statement.
FORMAT = 1


@dataclass(frozen=True)
class Verdict:
    """What one check said of one image; `statement` is the digest of the statement, a blob of the store.

    `seconds` is what it took now, 0 when it was remembered.
    """

    image: str
    digest: str
    check: str
    predicate_type: str
    statement: str
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether nothing was found that is not accepted."""
        return Outcome({}, self.findings).ok

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as a line of `check --json`."""
        return {
            "image": self.image,
            "digest": self.digest,
            "check": self.check,
            "ok": self.ok,
            "findings": [finding.to_json() for finding in self.findings],
            "predicate_type": self.predicate_type,
            "statement": self.statement,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class Task:
    """A check of an image; the store remembers its outcome under `key`."""

    subject: Subject
    check: Check
    key: str

    @property
    def pair(self) -> tuple[str, str]:
        """The image and the check, by name."""
        return self.subject.name, self.check.name

    @property
    def reads(self) -> bool:
        """Whether the check asks for the paths of the image."""
        return bool(getattr(self.check, "reads_layers", True))


def task_of(subject: Subject, check: Check) -> Task:
    """Return the task of a check of an image."""
    key = digest_of({
        "evidence": FORMAT,
        "check": check.name,
        "predicate_type": check.predicate_type,
        "image": [subject.name, subject.digest],
        "inputs": dict(check.inputs(subject)),
    })  # fmt: skip
    return Task(subject, check, key)


def known_verdict(store: Store, task: Task) -> Verdict | None:
    """Return what was said before of the same image, made from the same."""
    record = usable(store, store.record(task.key))
    # Whoever edited a statement beside the images may have edited the store's: they share the file.
    if record is None or f"sha256:{sha256_file(store.blob(record['statement']))}" != record["statement"]:
        return None
    findings = tuple(Finding(**finding) for finding in record["findings"])
    return _verdict(task, record["statement"], findings, 0.0)


def _verdict(task: Task, statement: str, findings: tuple[Finding, ...], seconds: float) -> Verdict:
    subject, check = task.subject, task.check
    return Verdict(
        subject.name, subject.digest, check.name, check.predicate_type, statement, findings, seconds
    )


def attempt(store: Store, task: Task) -> Verdict | ScsBuildError:
    """Look at the image; an error that is expected is the answer."""
    began = time.monotonic()
    try:
        outcome = task.check.run(task.subject)
        verdict = _keep(store, task, outcome, time.monotonic() - began)
    except ScsBuildError as error:
        return error
    return verdict


def _keep(store: Store, task: Task, outcome: Outcome, seconds: float) -> Verdict:
    """Put the statement into the store, and remember an outcome that has nothing to mend."""
    subject = task.subject
    statement = Statement(subject.name, subject.digest, task.check.predicate_type, outcome.predicate)
    digits = store.add_bytes(statement.to_bytes())
    if outcome.ok:
        record = {
            "statement": f"sha256:{digits}",
            "findings": [finding.to_json() for finding in outcome.findings],
            "uses": {"blobs": [digits, *outcome.blobs], "trees": []},
        }
        store.put_record(task.key, record)
    return _verdict(task, f"sha256:{digits}", outcome.findings, seconds)
