"""What the smoke test asks of its runner, and what it makes of the answers."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from scs_build.errors import RecipeError
from scs_build.evidence.check import Outcome
from scs_build.evidence.restricted import Ran, Restricted
from scs_build.evidence.smoke import SmokeCheck
from scs_build.evidence.subject import Subject
from scs_build.recipes.models import Health
from tests.unit.evidence.conftest import Lab, file

SERVICE = (
    "services:\n  web:\n    command: [/usr/bin/web, -v]\n    ports: [80, 81]\n    health: {http: /}\n"
    "    writable: [/run/web]\n    volumes: [/var/lib/web]\n"
    "    capabilities: {CAP_NET_ADMIN: it makes devices}\n"
)
COMMAND = "smoke:\n  command: [/usr/bin/web, --version]\n  expect: web 1.\n"
NO_HEALTH = SERVICE.replace("    health: {http: /}\n", "")
WITH_SERVICE = f"{SERVICE}{COMMAND}  services: [web]\n"


@dataclass
class Answering:
    """A runner that answers as it was told to, and remembers what it was asked."""

    ran: Ran = field(default_factory=lambda: Ran("", "web 1.2\n"))
    served: Ran = field(default_factory=lambda: Ran(""))
    asked: list[object] = field(default_factory=list)
    name: str = "answering"

    def run(self, subject: Subject, asked: Restricted) -> Ran:
        self.asked.append(asked)
        return self.ran

    def serve(self, subject: Subject, asked: Restricted, health: Health, port: int | None) -> Ran:
        self.asked.append((asked, health.http, port))
        return self.served

    def cancel(self) -> None:
        raise NotImplementedError


def check(lab: Lab, recipe: str, runner: Answering | None = None) -> Outcome:
    return SmokeCheck(runner or Answering()).run(lab.image([file("etc/x")], recipe=recipe))


def test_command_and_services_run_with_what_the_recipe_declares(lab: Lab) -> None:
    runner = Answering()
    outcome = check(lab, WITH_SERVICE, runner)
    writable = ("/run/web", "/var/lib/web")
    assert runner.asked == [
        Restricted(("/usr/bin/web", "--version"), writable),
        (Restricted(("/usr/bin/web", "-v"), writable, ("CAP_NET_ADMIN",)), "/", 80),
    ]
    assert outcome.findings == ()
    assert outcome.predicate["result"] == "PASSED"
    assert outcome.predicate["passedTests"] == ["command", "service web"]
    assert outcome.predicate["configuration"][0]["annotations"] == {"runner": "answering"}


def test_a_command_that_fails_is_a_finding_with_the_end_of_its_output(lab: Lab) -> None:
    output = "".join(f"line {number}\n" for number in range(40))
    outcome = check(lab, COMMAND, Answering(Ran("ended with status 3", output)))
    (finding,) = outcome.findings
    assert finding.rule == "smoke-command"
    assert finding.text.splitlines()[0] == "`/usr/bin/web --version` ended with status 3"
    assert finding.text.splitlines()[1:] == [f"    line {number}" for number in range(25, 40)]
    assert outcome.predicate["result"] == "FAILED"
    assert outcome.predicate["failedTests"] == ["command"]


def test_a_command_that_prints_something_else_is_a_finding(lab: Lab) -> None:
    outcome = check(lab, COMMAND, Answering(Ran("", "")))
    assert "does not print `web 1.`\n    (it wrote nothing)" in outcome.findings[0].text


def test_a_service_that_fails_is_a_finding_beside_a_command_that_passes(lab: Lab) -> None:
    outcome = check(lab, WITH_SERVICE, Answering(served=Ran("ended with status 1", "no\n")))
    assert [finding.rule for finding in outcome.findings] == ["smoke-service"]
    predicate = outcome.predicate
    assert (predicate["passedTests"], predicate["failedTests"]) == (["command"], ["service web"])


def test_an_image_without_a_smoke_test_is_a_finding_unless_it_has_a_reason(lab: Lab) -> None:
    outcome = check(lab, "")
    assert [finding.rule for finding in outcome.findings] == ["smoke-missing"]
    assert (outcome.ok, outcome.predicate["result"]) == (False, "FAILED")
    excused = check(lab, "exceptions: {smoke-missing: it holds nothing but data}\n")
    assert (excused.ok, excused.predicate["result"], excused.predicate["warnedTests"]) == (
        True,
        "WARNED",
        ["smoke"],
    )


def test_a_reason_for_a_test_that_is_there_is_stale(lab: Lab) -> None:
    outcome = check(lab, f"{COMMAND}exceptions: {{smoke-missing: it holds nothing but data}}\n")
    assert [finding.rule for finding in outcome.findings] == ["stale-exception"]
    assert outcome.predicate["result"] == "FAILED"


def test_inputs_follow_what_is_run_and_by_what(lab: Lab) -> None:
    def inputs(recipe: str, name: str = "answering") -> object:
        return dict(SmokeCheck(Answering(name=name)).inputs(lab.image([file("etc/x")], recipe=recipe)))

    plain = inputs(WITH_SERVICE)
    assert inputs("# a comment\n" + WITH_SERVICE.replace("expect: web 1.", 'expect: "web 1."')) == plain
    assert plain not in (inputs(WITH_SERVICE, "docker"), inputs(COMMAND), inputs(f"{SERVICE}{COMMAND}"))


@pytest.mark.parametrize(
    ("services", "reason"),
    [("[wob]", "there is no service `wob`"), ("[web]", "nothing says how to ask `web` whether it works")],
)
def test_a_service_that_cannot_be_asked_is_told_when_recipes_are_read(
    lab: Lab, services: str, reason: str
) -> None:
    lab.recipe("thing", f"{NO_HEALTH}{COMMAND}  services: {services}\n")
    with pytest.raises(RecipeError) as caught:
        lab.graph()
    assert reason in caught.value.reason
    assert str(caught.value.where).startswith("images/bases/thing/recipe.yaml:14:")
