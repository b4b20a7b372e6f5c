"""Keys of steps."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from scs_build.plan.step import FORMATS, Step

FACTS = st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=8), max_size=4)


def step(name="files:a", kind="files", facts=None, needs=(), runs_on=()):
    return Step(name, kind, "a", "linux/amd64", facts or {}, tuple(needs), tuple(runs_on))


@given(FACTS, FACTS)
def test_a_key_tells_facts_apart_and_nothing_else(one, other):
    assert (step(facts=one).key == step(facts=other).key) == (one == other)


def test_a_key_depends_on_the_platform_and_the_format(monkeypatch):
    base = step()
    assert dataclasses.replace(base, platform="linux/arm64").key != base.key
    monkeypatch.setitem(FORMATS, "files", FORMATS["files"] + 1)
    assert step().key != base.key


def test_what_a_step_needs_enters_its_key_and_what_it_runs_on_does_not():
    ground = step("install:a", "install", {"deb:x": "1"})
    other = step("install:a", "install", {"deb:x": "2"})
    assert step(needs=[ground]).key != step(needs=[other]).key
    assert step(runs_on=[ground]).key == step(runs_on=[other]).key


def test_equal_results_give_equal_resolved_keys_whatever_led_to_them():
    ground = step("install:a", "install", {"deb:x": "1"})
    other = step("install:a", "install", {"deb:x": "2"})
    results = {"install:a": "same"}
    assert step(needs=[ground]).resolved_key(results) == step(needs=[other]).resolved_key(results)
    assert step(needs=[ground]).resolved_key(results) != step(needs=[ground]).resolved_key(
        {"install:a": "new"}
    )


def test_the_closure_holds_each_step_once_dependencies_first():
    ground = step("scaffold", "scaffold")
    install = step("install:a", "install", needs=[ground])
    top = step("image:a", "image", needs=[install], runs_on=[ground])
    assert list(top.closure()) == ["scaffold", "install:a", "image:a"]
