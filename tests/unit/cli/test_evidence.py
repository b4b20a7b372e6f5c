"""The commands about evidence, called as a person calls them, on a small image made of real artefacts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from scs_build.errors import FindingError, UnknownNameError
from tests.unit.cli.conftest import Said
from tests.unit.evidence.made import Made

Call = Callable[..., Said]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


@pytest.fixture
def ask(call: Call, made: Made) -> Call:
    """Call a command about the made image; without its series, so that images are always named."""

    def run(command: str, *args: str) -> Said:
        common = ("--root", str(made.root), "--store", str(made.store.root), "--platform", "linux/amd64")
        return call(command, *args, *common, "--offline")

    return run


def test_explain_says_who_brought_a_path(ask: Call, made: Made) -> None:
    made.subject()
    said = ask("explain", "app", "/usr/lib/beta.txt", "/usr/share/man/man1/alpha.1")
    assert said.status == 0
    assert said.stdout.startswith("/usr/lib/beta.txt: a file of beta 1.1\n  artefact  sha256:")
    assert "  locked    images/bases/base/lock/2026.1.json:6\n" in said.stdout
    assert "/usr/share/man/man1/alpha.1: dropped on purpose; alpha 1.0 has it" in said.stdout


def test_explain_ends_with_an_error_for_what_nobody_knows(ask: Call, made: Made) -> None:
    made.subject()
    said = ask("explain", "app", "/usr/lib/bota.txt", "--json")
    assert said.status == UnknownNameError.exit_code
    (answer,) = json.loads(said.stdout)["paths"]
    assert (answer["known"], answer["near"][0]) == (False, "/usr/lib/beta.txt")


def test_explain_all_is_one_line_per_path(ask: Call, made: Made) -> None:
    subject = made.subject()
    said = ask("explain", "app", "--all")
    lines = [line.split("\t") for line in said.stdout.splitlines()]
    assert [line[0] for line in lines] == [f"/{path}" for path in subject.items]
    assert ["/usr/lib/beta.txt", "artefact", "deb:beta"] in lines
    whole = json.loads(ask("explain", "app", "--all", "--json").stdout)
    assert len(whole["paths"]) == len(lines) and whole["findings"] == []


def test_explain_wants_to_know_what(ask: Call, made: Made) -> None:
    made.subject()
    assert "name a PATH" in ask("explain", "app").stderr


@pytest.mark.parametrize("command", [("explain", "app", "/usr"), ("sbom", "app"), ("licences", "app")])
def test_an_image_that_is_not_built_is_told_as_such(ask: Call, made: Made, command: tuple[str, ...]) -> None:
    made.graph()
    said = ask(*command)
    assert said.status == UnknownNameError.exit_code
    assert "app is not built" in said.stderr and "hint: run: scs-build build app" in said.stderr


@pytest.mark.parametrize("command", [("explain", "ap", "/usr"), ("sbom", "ap"), ("licences", "ap")])
def test_the_near_miss_of_an_image_is_offered(ask: Call, made: Made, command: tuple[str, ...]) -> None:
    made.graph()
    said = ask(*command)
    assert said.status == UnknownNameError.exit_code and "did you mean `app`?" in said.stderr


@pytest.mark.parametrize(("form", "key"), [("cyclonedx", "bomFormat"), ("spdx", "spdxVersion")])
def test_sbom_is_printed_or_written(ask: Call, made: Made, tmp_path: Path, form: str, key: str) -> None:
    made.subject()
    said = ask("sbom", "app", "--format", form)
    assert said.status == 0 and key in json.loads(said.stdout)
    target = tmp_path / "new" / "bill.json"
    written = ask("sbom", "app", "--format", form, "-o", str(target))
    assert (written.status, written.stdout) == (0, "")
    assert target.read_text() == said.stdout
    assert [path.name for path in target.parent.iterdir()] == ["bill.json"]


def test_licences_lists_and_finds(ask: Call, made: Made) -> None:
    made.subject()
    said = ask("licences", "app")
    assert said.status == 0
    assert "wheel:dep/inner  3.0      declared  MIT" in said.stdout
    made.policy = made.policy.replace("MIT, ", "")
    made.subject()
    said = ask("licences", "app")
    assert said.status == FindingError.exit_code
    assert "finding: app: app 1.0 (locked by app) has MIT" in said.stderr
    said = ask("licences", "app", "--json")
    assert said.status == FindingError.exit_code
    (image,) = json.loads(said.stdout)["images"]
    assert {finding["rule"] for finding in image["findings"]} == {"not-free"}


def test_what_the_store_lost_is_told_offline(ask: Call, made: Made) -> None:
    subject = made.subject()
    for line in subject.graph.lock("base").artefacts:
        made.store.blob(line.sha256).unlink()
    said = ask("explain", "app", "/usr")
    assert said.status != 70
    assert "alpha 1.0 is no longer in the store" in said.stderr
    assert "hint: run the command without --offline" in said.stderr
