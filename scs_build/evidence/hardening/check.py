"""The check: every rule of the policy on one image, exceptions of its recipe, and the attestation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from scs_build.canonical import digest_of, sha256_file
from scs_build.evidence.check import Finding, Outcome
from scs_build.evidence.exceptions import STALE, exception_facts, judged
from scs_build.evidence.hardening import configuration, linkage, modes, presence
from scs_build.evidence.hardening.view import Found, View
from scs_build.evidence.subject import Subject
from scs_build.evidence.traits import TRAITS_FORMAT
from scs_build.recipes.catalogue import HARDENING_FILE
from scs_build.recipes.models import said
from scs_build.recipes.policy import ContentRule, Hardening, LinkageRule, PathRule, ProgramRule

if TYPE_CHECKING:
    from scs_build.evidence.checks import Context

# Raised by whatever changes what the rules find or the form of the predicate.
VERSION = 1
PREDICATE_TYPE = "https://scs.community/attestation/hardening/v1"


class HardeningCheck:
    """Evaluates a policy; `digest` is that of the file it was read from."""

    name = "hardening"
    predicate_type = PREDICATE_TYPE

    def __init__(self, policy: Hardening, digest: str) -> None:
        self._policy = policy
        self._digest = digest
        self._rules = dict(policy.rules())

    def inputs(self, subject: Subject) -> Mapping[str, str]:
        """Return the policy, what the recipe declares and accepts, and the versions of what looks."""
        services = said(subject.component.recipe, include={"services"})
        return {
            "version": f"{VERSION} {TRAITS_FORMAT}",
            "policy": self._digest,
            "services": digest_of(services),
            **exception_facts(subject, self._rules),
        }

    def run(self, subject: Subject) -> Outcome:
        """Evaluate every rule."""
        findings = judged(subject, self._rules, list(self._findings(View.of(subject))))
        return Outcome(self._predicate(findings), findings)

    def _findings(self, view: View) -> Iterator[Finding]:
        for name, rule in self._rules.items():
            spared = presence.Patterns(rule.spares)
            for found in self._found(view, name):
                strict = name == "world-writable" and modes.not_sticky(view, found.path)
                if strict or not spared.match(found.path):
                    yield Finding(name, found.path, found.text)

    def _found(self, view: View, name: str) -> Iterator[Found]:
        match self._rules[name]:
            case ProgramRule() as rule:
                yield from presence.programs(view, rule)
            case PathRule() as rule:
                yield from presence.paths(view, rule)
            case ContentRule() as rule:
                yield from _contents(view, rule)
            case LinkageRule() as rule:
                yield from linkage.linkage(view, name, rule)
            case _:
                yield from {**configuration.LOOKS, **modes.LOOKS}[name](view)

    def _predicate(self, findings: tuple[Finding, ...]) -> dict[str, Any]:
        """Return the body of the attestation: the verdict of each rule, and all findings."""
        verdicts = dict.fromkeys((*self._rules, STALE), "PASSED")
        for finding in findings:
            if not finding.accepted:
                verdicts[finding.rule] = "FAILED"
            elif verdicts[finding.rule] == "PASSED":
                verdicts[finding.rule] = "ACCEPTED"
        return {
            "policy": {"name": HARDENING_FILE, "digest": {"sha256": self._digest}},
            "result": "FAILED" if "FAILED" in verdicts.values() else "PASSED",
            "rules": verdicts,
            "findings": [finding.to_json() for finding in findings],
        }


def make(context: Context) -> HardeningCheck:
    """Return the check of the policy of a checkout."""
    catalogue = context.graph.catalogue
    return HardeningCheck(catalogue.hardening, sha256_file(catalogue.file(HARDENING_FILE)[0]))


def rule_names(context: Context) -> tuple[str, ...]:
    """Return the rules that recipes can state exceptions from."""
    return tuple(name for name, _ in context.graph.catalogue.hardening.rules())


def _contents(view: View, rule: ContentRule) -> Iterator[Found]:
    for item in view.items.values():
        for form, what, line in item.traits.get("marks", ()):
            if form in rule.forms:
                place = f" (line {line})" if line else ""
                yield Found(item.path, f"holds {what}{place}")
