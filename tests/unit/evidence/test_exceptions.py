"""Exceptions of recipes: what they accept, what they pass on, and when they are stale or unknown."""

from __future__ import annotations

import pytest

from scs_build.errors import RecipeError
from scs_build.evidence.check import Finding
from scs_build.evidence.exceptions import STALE, check_rule_names, exception_facts, judged
from scs_build.evidence.subject import Subject
from tests.unit.evidence.conftest import Lab, file

RULES = ("shell", "pie")
DASH, BASH = Finding("shell", "usr/bin/dash", "is there"), Finding("shell", "usr/bin/bash", "is there")
BY_PATH = 'exceptions:\n  shell: {/usr/bin/dash: "the start script needs it", "/opt/**": "for the plugins"}\n'
WHOLE = "exceptions:\n  shell: people work in this image\n"


def image(lab: Lab, recipe: str) -> Subject:
    return lab.image([file("etc/x")], recipe=recipe)


def accepted(findings: tuple[Finding, ...]) -> dict[str, str]:
    return {finding.path: finding.accepted for finding in findings if finding.rule != STALE}


def test_a_reason_alone_accepts_every_finding_of_the_rule(lab: Lab) -> None:
    whole = Finding("shell", "", "somewhere")
    found = judged(image(lab, WHOLE), RULES, [DASH, BASH, whole, Finding("pie", "usr/bin/a", "none")])
    reason = "people work in this image"
    assert [finding.accepted for finding in found] == [reason, reason, reason, ""]


def test_a_pattern_accepts_only_what_it_matches_and_another_pattern_is_stale(lab: Lab) -> None:
    found = judged(image(lab, BY_PATH), RULES, [DASH, BASH])
    assert accepted(found) == {"usr/bin/dash": "the start script needs it", "usr/bin/bash": ""}
    (stale,) = [finding for finding in found if finding.rule == STALE]
    assert (stale.path, stale.accepted) == ("opt/**", "")
    assert "images/bases/thing/recipe.yaml:5:3" in stale.text


def test_exceptions_from_rules_of_other_checks_are_not_stale(lab: Lab) -> None:
    assert judged(image(lab, WHOLE), ("pie",), []) == ()


def test_patterns_of_a_parent_hold_for_its_children_and_are_never_stale_there(lab: Lab) -> None:
    lab.recipe("below", BY_PATH + "  pie: it is like this here\n")
    found = judged(image(lab, "parent: below\n"), RULES, [DASH, BASH, Finding("pie", "usr/bin/a", "none")])
    assert accepted(found) == {
        "usr/bin/dash": "the start script needs it",
        "usr/bin/bash": "",
        "usr/bin/a": "",
    }
    assert [finding for finding in found if finding.rule == STALE] == []


def test_the_image_s_own_reason_comes_before_its_parent_s(lab: Lab) -> None:
    lab.recipe("below", BY_PATH)
    own = 'parent: below\nexceptions:\n  shell: {"/usr/bin/*": "for another reason"}\n'
    assert accepted(judged(image(lab, own), RULES, [DASH])) == {"usr/bin/dash": "for another reason"}


def test_what_applies_is_an_input(lab: Lab) -> None:
    lab.recipe("below", BY_PATH)
    assert exception_facts(image(lab, "parent: below\n"), RULES) == {
        "exception:shell:/usr/bin/dash": "the start script needs it",
        "exception:shell:/opt/**": "for the plugins",
    }


def test_an_unknown_rule_is_named_with_its_place_and_the_near_miss(lab: Lab) -> None:
    subject = image(lab, "exceptions:\n  shel: people work in this image\n")
    with pytest.raises(RecipeError) as caught:
        check_rule_names(subject.component, RULES)
    assert str(caught.value.where) == "images/bases/thing/recipe.yaml:5:3"
    assert "`shel`" in caught.value.reason
    assert "did you mean `shell`?" in str(caught.value.solution)


@pytest.mark.parametrize(
    "text", ["shell: short", "shell: {/usr/bin/sh: no}", 'shell: {"/a/../b": "long enough"}', "shell: [a]"]
)
def test_an_exception_has_a_reason_and_a_pattern(lab: Lab, text: str) -> None:
    lab.recipe("thing", f"exceptions:\n  {text}\n")
    with pytest.raises(RecipeError) as caught:
        lab.graph()
    assert str(caught.value.where).startswith("images/bases/thing/recipe.yaml:5:")
