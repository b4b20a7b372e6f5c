"""The hardening policy is read strictly, as everything that people write."""

from __future__ import annotations

from pathlib import Path

import pytest

from scs_build.errors import FormatError, PolicyError
from scs_build.recipes.catalogue import HARDENING_FILE, Catalogue

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / HARDENING_FILE).read_text()
RULE = "\n  {name}:\n    requires: something holds\n    reason: it must be so\n"


def catalogue(tmp_path: Path, text: str | None) -> Catalogue:
    (tmp_path / "images").mkdir()
    if text is not None:
        (tmp_path / "policy").mkdir()
        (tmp_path / HARDENING_FILE).write_text(text)
    return Catalogue.load(tmp_path)


def test_recipes_of_the_project_state_exceptions_only_from_rules_that_there_are() -> None:
    from scs_build.evidence.checks import Context, make_checks
    from scs_build.plan.graph import Graph
    from scs_build.progress import Silent
    from scs_build.stack.restricted import NativeRunner

    found = Catalogue.load(ROOT)
    graph = Graph(found, found.series("2026.1"), "linux/amd64")
    context = Context(graph, lambda: NativeRunner(lambda: pytest.fail("nothing runs here"), Silent()))
    assert [check.name for check in make_checks(context)]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("\n  setuid:", "\n  setgid:", "the same", "setgid"),
        ("filled: true", "filled: yes", "the same", "`yes` is not written as a boolean"),
        ("of: [programs]", "of: [program]", "the same", "did you mean `programs`?"),
        ("forms: [token]", "forms: [tokens]", "the same", "did you mean `token`?"),
        ("format: 1", "format: 1\nrules: {}", "any", "there is no field `rules`"),
        ("/tmp: for temporary", "/tmp/../x: for temporary", "the same", "is not a path pattern"),
        ("\n  shell:\n", "\n  shell:\n    words: []\n", "any", "there is no field `words`"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, line: str, words: str
) -> None:
    assert old in TEXT
    changed = TEXT.replace(old, new, 1)
    with pytest.raises(PolicyError) as caught:
        _ = catalogue(tmp_path, changed).hardening
    said = f"{caught.value}"
    assert words in said
    assert said.startswith(f"{HARDENING_FILE}:")
    if line == "the same":
        assert f"{HARDENING_FILE}:{changed[: changed.index(new.strip())].count(chr(10)) + 1}:" in said


def test_two_rules_of_one_name_are_refused(tmp_path: Path) -> None:
    twice = TEXT.replace("\npaths:\n", f"\npaths:{RULE.format(name='shell')}    paths: [/bin/x]\n")
    with pytest.raises(PolicyError, match="two rules have the name `shell`"):
        _ = catalogue(tmp_path, twice).hardening


def test_no_policy_and_a_newer_one(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"policy/hardening\.yaml: there is no such file"):
        _ = catalogue(tmp_path, None).hardening
    (tmp_path / "policy").mkdir()
    (tmp_path / HARDENING_FILE).write_text("format: 2\nnews: true\n")
    with pytest.raises(FormatError):
        _ = Catalogue.load(tmp_path).hardening
