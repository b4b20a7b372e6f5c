"""The smoke test: the smallest proof that an image works, in a container with only what it declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from scs_build.canonical import digest_of
from scs_build.evidence.check import Finding, Outcome
from scs_build.evidence.exceptions import exception_facts, judged
from scs_build.evidence.restricted import Ran, Restricted
from scs_build.evidence.subject import Subject
from scs_build.recipes.models import Service, Smoke, said

if TYPE_CHECKING:
    from scs_build.evidence.checks import Context
    from scs_build.evidence.restricted import Runner

# Raised by whatever changes what the test finds or the form of the predicate.
VERSION = 1
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
MISSING, COMMAND, SERVICE = "smoke-missing", "smoke-command", "smoke-service"
RULES = (MISSING, COMMAND, SERVICE)


class SmokeCheck:
    """Runs what a recipe calls `smoke`, and the services that it names there, each by itself."""

    name = "smoke"
    predicate_type = PREDICATE_TYPE
    # It runs the layers as they are unpacked and asks for no content of files.
    reads_layers = False

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def inputs(self, subject: Subject) -> Mapping[str, str]:
        """Return what is run, with what, and by what."""
        recipe = said(subject.component.recipe, include={"smoke", "services"})
        return {
            "version": str(VERSION),
            "runner": self._runner.name,
            "recipe": digest_of(recipe),
            **exception_facts(subject, RULES),
        }

    def run(self, subject: Subject) -> Outcome:
        """Run the command, then the services."""
        smoke = subject.component.recipe.smoke
        if smoke is None:
            missing = Finding(
                MISSING, "", "its recipe says nothing under `smoke`: name a command that shows it works"
            )
            tests = {"smoke": [missing]}
        else:
            tests = {name: list(found) for name, found in self._tests(subject, smoke)}
        findings = judged(subject, RULES, [finding for found in tests.values() for finding in found])
        return Outcome(self._predicate(subject, tests, findings), findings)

    def cancel(self) -> None:
        """End what runs."""
        self._runner.cancel()

    def _tests(self, subject: Subject, smoke: Smoke) -> Iterator[tuple[str, Iterator[Finding]]]:
        yield "command", self._command(subject, smoke)
        for name in smoke.services:
            yield f"service {name}", self._service(subject, name, subject.component.recipe.services[name])

    def _command(self, subject: Subject, smoke: Smoke) -> Iterator[Finding]:
        services = subject.component.recipe.services.values()
        writable = tuple(dict.fromkeys(p for s in services for p in (*s.writable, *s.volumes)))
        ran = self._runner.run(subject, Restricted(smoke.command, writable))
        shown = " ".join(smoke.command)
        if ran.problem:
            yield _finding(COMMAND, f"`{shown}` {ran.problem}", ran)
        elif smoke.expect not in ran.output:
            yield _finding(COMMAND, f"`{shown}` does not print `{smoke.expect}`", ran)

    def _service(self, subject: Subject, name: str, service: Service) -> Iterator[Finding]:
        if service.health is None:  # the loader of recipes does not let this happen
            raise ValueError(f"the service {name} has no health")
        asked = Restricted(
            service.command, (*service.writable, *service.volumes), tuple(service.capabilities)
        )
        ran = self._runner.serve(subject, asked, service.health, next(iter(service.ports), None))
        if ran.problem:
            yield _finding(SERVICE, f"the service {name} {ran.problem}", ran)

    def _predicate(
        self, subject: Subject, tests: Mapping[str, list[Finding]], findings: tuple[Finding, ...]
    ) -> dict[str, Any]:
        """Return the body of the attestation, in the form of in-toto's test result."""
        accepted = {finding.text for finding in findings if finding.accepted}
        failed = [name for name, found in tests.items() if any(f.text not in accepted for f in found)]
        warned = [name for name, found in tests.items() if found and name not in failed]
        stale = any(not f.accepted for f in findings)
        return {
            "result": "FAILED" if failed or stale else "WARNED" if warned else "PASSED",
            "configuration": [{
                "name": subject.component.shown,
                "digest": {"sha256": digest_of(subject.component.recipe.model_dump(include={"smoke"}))},
                "annotations": {"runner": self._runner.name},
            }],
            "passedTests": [name for name, found in tests.items() if not found],
            "warnedTests": warned,
            "failedTests": failed,
        }  # fmt: skip


def make(context: Context) -> SmokeCheck:
    """Return the check that runs images with the context's runner."""
    return SmokeCheck(context.make_runner())


def rule_names(context: Context) -> tuple[str, ...]:  # noqa: ARG001
    """Return the rules that recipes can state exceptions from."""
    return RULES


def _finding(rule: str, text: str, ran: Ran) -> Finding:
    lines = "".join(f"\n    {line}" for line in ran.tail()) or "\n    (it wrote nothing)"
    return Finding(rule, "", f"{text}{lines}")
