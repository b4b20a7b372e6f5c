"""`scs-build check`: what a person reads, what a program reads, and the exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from scs_build.cli.check import complete_check, end, index, result_text
from scs_build.errors import FindingError, ProgramError, UnknownNameError
from scs_build.evidence.check import Finding
from scs_build.evidence.checks import CHECKS
from scs_build.evidence.runner import CheckRun
from scs_build.evidence.task import Verdict
from scs_build.manifest.manifest import read_manifest, write_manifest
from tests.unit.cli.conftest import Said
from tests.unit.evidence.conftest import ROOT
from tests.unit.manifest.test_evidence import manifest
from tests.unit.plan.conftest import World

Call = Callable[..., Said]
A = "sha256:" + "a" * 64
BAD = Finding("setuid", "usr/bin/x", "runs as user 0, whoever starts it (mode 4755)")
EXCUSED = Finding("shell", "usr/bin/dash", "is there", "the start script needs it")


def verdict(check: str, *findings: Finding, seconds: float = 0.0, image: str = "app") -> Verdict:
    return Verdict(image, A, check, "https://example.org/v1", A, findings, seconds)


def answer(*verdicts: Verdict) -> dict[str, Any]:
    lines = [verdict.to_json() for verdict in verdicts]
    where = {"origins": {}, "evidence": "out/e", "indexed": True}
    return {"verdicts": lines, "failures": [], "seconds": 1.25, **where}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "checkout")
    policy = made.root / "policy/hardening.yaml"
    policy.parent.mkdir()
    policy.write_text((ROOT / "policy/hardening.yaml").read_text())
    return made


def test_images_that_a_layer_touches_are_marked() -> None:
    found = answer(verdict("smoke"), verdict("smoke", image="more")) | {"origins": {"more": ["acme"]}}
    assert [line.split("  ")[0] for line in result_text(found).splitlines()[1:3]] == ["app", "more (acme)"]


def test_of_many_paths_with_the_same_to_be_said_a_few_are_told() -> None:
    same = [Finding("setuid", f"usr/{number}", "the same") for number in range(1039)]
    text = result_text(answer(verdict("hardening", *same, Finding("setuid", "usr/x", "another"))))
    assert text.split("found:\n")[1].split("\n\n")[0].splitlines() == [
        "app  setuid  /usr/0  the same",
        "app  setuid  /usr/1  the same",
        "app  setuid  /usr/2  the same",
        "app  setuid          and 1036 more of this rule; --json has all",
        "app  setuid  /usr/x  another",
    ]


def test_the_commands_that_help_name_an_image_and_a_path(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        end(answer(verdict("hardening", EXCUSED, BAD)), {})
    told = capsys.readouterr().err
    assert "`scs-build explain app /usr/bin/x`" in told
    assert "`scs-build shell app`" in told


def test_the_verdict_comes_first_then_findings_then_where_it_lies() -> None:
    found = answer(verdict("hardening", BAD, EXCUSED, seconds=0.5), verdict("smoke"))
    found["failures"] = [{"image": "base", "check": "hardening"}]
    assert result_text(found) == (
        "image  hardening            smoke\n"
        "app    1 FOUND, 1 accepted  ok\n"
        "base   could not look       -\n\n"
        "found:\n"
        "app  setuid  /usr/bin/x  runs as user 0, whoever starts it (mode 4755)\n\n"
        "accepted:\n"
        "app  shell  /usr/bin/dash  the start script needs it\n\n"
        "1 looked at, 1 known, in 1.2 s; statements in out/e"
    )


def test_output_of_a_program_that_failed_stays_in_its_row() -> None:
    failed = Finding("smoke-command", "", "`x` ended with status 1\n    one\n    two")
    text = result_text(answer(verdict("smoke", failed)))
    assert "app  smoke-command    `x` ended with status 1\n    one\n    two\n" in text


def test_what_is_accepted_ends_well() -> None:
    end(answer(verdict("hardening", EXCUSED), verdict("smoke")), {})


def test_a_finding_has_an_exit_code_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        end(answer(verdict("hardening", BAD)), {})
    assert caught.value.code == FindingError.exit_code == 35
    assert "app: not as the contracts ask for" in capsys.readouterr().err


def test_a_machine_that_cannot_look_is_told_apart() -> None:
    with pytest.raises(SystemExit) as caught:
        end(answer(), {("app", "smoke"): ProgramError("no")})
    assert caught.value.code == ProgramError.exit_code


def test_only_a_manifest_of_these_very_images_gets_the_index(tmp_path: Path) -> None:
    run, path = CheckRun((verdict("smoke", image="a"),)), tmp_path / "m.json"
    assert index(run, path) is False
    write_manifest(manifest(a="b"), path)
    assert index(run, path) is False
    assert read_manifest(path).evidence == ()
    write_manifest(manifest(a="a"), path)
    assert index(run, path) is True
    assert [entry.check for entry in read_manifest(path).evidence] == ["smoke"]
    before = path.stat().st_mtime_ns
    assert index(run, path) is True
    assert path.stat().st_mtime_ns == before


def test_images_that_are_not_built_are_named_with_the_way_out(
    call: Call, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        call("check", "app", "--root", str(world.root), "-o", str(tmp_path / "out"), "--json")
    assert caught.value.code == UnknownNameError.exit_code
    stdout, stderr = capsys.readouterr()
    assert stderr.count("hint: run: scs-build build app") == 1
    found = json.loads(stdout)
    assert [(f["image"], f["check"]) for f in found["failures"]] == [("app", name) for name in CHECKS]
    assert found["verdicts"] == []


def test_an_unknown_check_gets_the_near_miss(call: Call, world: World) -> None:
    said = call("check", "--only", "smok", "--root", str(world.root))
    assert said.status == UnknownNameError.exit_code
    assert "did you mean `smoke`?" in said.stderr


def test_an_exception_from_a_rule_that_no_check_has_stops_it(call: Call, world: World) -> None:
    world.change(
        "iaas/app/recipe.yaml", "kind: container\n", "kind: container\nexceptions: {shel: it must be so}\n"
    )
    said = call("check", "--root", str(world.root))
    assert said.status == 11
    assert "images/iaas/app/recipe.yaml:3:14: exceptions: no check has a rule `shel`" in said.stderr


def test_checks_are_completed() -> None:
    option = click.Option(["--only"])
    found = complete_check(click.Context(click.Command("check")), option, "s")
    assert "smoke" in [item.value for item in found]
    assert all(item.value.startswith("s") for item in found)
