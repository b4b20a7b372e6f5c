"""What recipes allow themselves: findings that are accepted, and exceptions that nothing needs any more."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from scs_build.errors import RecipeError
from scs_build.evidence.check import Finding
from scs_build.evidence.subject import Subject
from scs_build.recipes.catalogue import Component
from scs_build.recipes.explain import allowed_hint
from scs_build.recipes.models import EVERYWHERE
from scs_build.recipes.patterns import Matcher

# The rule that an exception breaks which matches nothing; there is no exception from it.
STALE = "stale-exception"


@dataclass(frozen=True, eq=False)
class _Exception:
    rule: str
    pattern: str
    reason: str
    owner: Component

    def covers(self, finding: Finding) -> bool:
        if finding.rule != self.rule:
            return False
        return self.pattern == EVERYWHERE or Matcher([self.pattern]).first(finding.path) is not None


def judged(subject: Subject, rules: Collection[str], findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings of a check that has these rules, each with the reason for which it is accepted.

    Exceptions are those of the image's own recipe, and those of its ancestors that name paths: what an
    ancestor brings is in this image, too. Own ones that match nothing are findings as well.
    """
    allowed = _exceptions(subject, rules)
    needed: set[_Exception] = set()
    answer = []
    for finding in findings:
        covering = [exception for exception in allowed if exception.covers(finding)]
        needed.update(covering)
        answer.append(replace(finding, accepted=covering[0].reason) if covering else finding)
    own = subject.component
    stale = [exception for exception in allowed if exception.owner is own and exception not in needed]
    return (*answer, *map(_stale, stale))


def exception_facts(subject: Subject, rules: Collection[str]) -> dict[str, str]:
    """Return the exceptions as inputs of a check: `exception:<rule>:<pattern>` to reason."""
    return {f"exception:{e.rule}:{e.pattern}": e.reason for e in _exceptions(subject, rules)}


def check_rule_names(component: Component, known: Collection[str]) -> None:
    """Raise `RecipeError` at an exception whose rule no check has."""
    for rule in component.recipe.exceptions:
        if rule not in known:
            raise RecipeError(
                f"exceptions: no check has a rule `{rule}`",
                where=component.where("exceptions", rule, key=True),
                solution=allowed_hint(rule, sorted(known)),
            )


def _exceptions(subject: Subject, rules: Collection[str]) -> list[_Exception]:
    """Return what applies, the image's own first."""
    own = subject.component
    return [
        _Exception(rule, pattern, reason, component)
        for component in reversed(subject.graph.lineage(subject.name))
        for rule, reasons in component.recipe.exceptions.items()
        for pattern, reason in reasons.items()
        if rule in rules and (component is own or pattern != EVERYWHERE)
    ]


def _stale(exception: _Exception) -> Finding:
    place = exception.owner.where("exceptions", exception.rule, key=True)
    path = "" if exception.pattern == EVERYWHERE else exception.pattern.removeprefix("/")
    return Finding(STALE, path, f"the exception from `{exception.rule}` matches nothing: remove it ({place})")
