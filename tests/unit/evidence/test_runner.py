"""Checks run once for equal images and inputs; what fails, fails alone; findings are looked for again."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest

from scs_build.canonical import sha256_file
from scs_build.errors import ProgramError, UnknownNameError
from scs_build.evidence.check import Finding, Outcome
from scs_build.evidence.content import Item
from scs_build.evidence.publish import publish, statement_path
from scs_build.evidence.runner import CheckRun, Verdict, run_checks
from scs_build.evidence.subject import Subject
from scs_build.oci.layer import write_layer
from scs_build.plan.graph import Graph
from scs_build.progress import Silent
from tests.unit.evidence.conftest import Lab, file

NAMES = ("one", "two")


@dataclass
class Counting:
    """Counts the files of an image, and does what the test wants beside, in whichever process."""

    name: str = "counting"
    predicate_type: str = "https://example.org/counting/v1"
    given: dict[str, str] = field(default_factory=lambda: {"version": "1"})
    findings: tuple[Finding, ...] = ()
    broken: str = ""
    folder: ClassVar[Path]
    own: str = field(default_factory=lambda: uuid4().hex)

    @property
    def log(self) -> Path:
        return self.folder / self.own

    @property
    def ran(self) -> list[str]:
        """The images that were looked at; a worker's memory is its own, so they are in a file."""
        return self.log.read_text().split() if self.log.exists() else []

    def inputs(self, subject: Subject) -> Mapping[str, str]:
        return self.given

    def run(self, subject: Subject) -> Outcome:
        with self.log.open("a") as stream:
            stream.write(f"{subject.name}\n")
        if subject.name == self.broken:
            raise ProgramError("the program is missing")
        return Outcome({"paths": len(subject.items)}, self.findings)


@pytest.fixture
def images(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Two built images on one common layer."""
    Counting.folder = tmp_path / "ran"
    Counting.folder.mkdir()
    common = [file("etc/common")]
    made = {name: lab.image(common, [file(f"etc/{name}")], name=name) for name in NAMES}

    def of(graph: Graph, store: object, name: str, jobs: int = 1) -> Subject:
        if name not in made:
            raise UnknownNameError(f"{name} is not built")
        return Subject(graph, lab.store, name, made[name].record, jobs)

    monkeypatch.setattr(Subject, "of", of)
    return lab


def run(lab: Lab, *checks: Counting, names: tuple[str, ...] = NAMES, jobs: int = 2) -> CheckRun:
    return run_checks(lab.graph(), lab.store, names, checks, jobs, Silent())


def test_verdicts_come_in_the_order_of_images_and_checks(images: Lab) -> None:
    found = run(images, Counting("b"), Counting("a"))
    assert [(v.image, v.check) for v in found.verdicts] == [
        ("one", "b"),
        ("one", "a"),
        ("two", "b"),
        ("two", "a"),
    ]
    statement = json.loads(images.store.read_bytes(found.verdicts[0].statement))
    assert statement["predicate"] == {"paths": 3}
    assert statement["subject"][0]["digest"]["sha256"] == found.verdicts[0].digest.removeprefix("sha256:")


def test_a_second_run_looks_at_nothing(images: Lab) -> None:
    check = Counting()
    first = run(images, check)
    second = run(images, check)
    assert sorted(check.ran) == ["one", "two"]
    assert [v.statement for v in first.verdicts] == [v.statement for v in second.verdicts]
    assert [v.seconds for v in second.verdicts] == [0.0, 0.0]


@pytest.mark.parametrize("change", ["name", "predicate_type", "given"])
def test_another_check_or_other_inputs_are_another_outcome(images: Lab, change: str) -> None:
    run(images, Counting())
    other = Counting(**{change: {"version": "2"} if change == "given" else "other"})  # type: ignore[arg-type]
    run(images, other)
    assert sorted(other.ran) == ["one", "two"]


def test_what_is_accepted_is_remembered_with_its_reason(images: Lab) -> None:
    check = Counting(findings=(Finding("a", "etc/x", "is there", "it must be"),))
    run(images, check)
    (one, two) = run(images, check).verdicts
    assert len(check.ran) == 2
    assert (one.findings, one.ok, two.ok) == (check.findings, True, True)


def test_what_is_found_is_looked_for_again(images: Lab) -> None:
    check = Counting(findings=(Finding("a", "etc/x", "is there"),))
    assert [v.ok for v in run(images, check).verdicts] == [False, False]
    run(images, check)
    assert len(check.ran) == 4


def test_a_check_that_cannot_be_made_stops_no_other(images: Lab) -> None:
    found = run(images, Counting(broken="one"), Counting("other"))
    assert [(v.image, v.check) for v in found.verdicts] == [
        ("one", "other"),
        ("two", "counting"),
        ("two", "other"),
    ]
    assert list(found.failures) == [("one", "counting")]
    assert isinstance(found.failures["one", "counting"], ProgramError)


def test_an_image_that_is_not_built_is_an_error_of_its_own(images: Lab) -> None:
    found = run(images, Counting(), names=("none", "two"))
    assert isinstance(found.failures["none", "counting"], UnknownNameError)
    assert [v.image for v in found.verdicts] == ["two"]


@pytest.mark.parametrize("jobs", [1, 4])
def test_a_common_layer_is_read_once_and_remembered(
    images: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    from scs_build.evidence import content

    original, log = content._read, tmp_path / "read"

    def read(blob: Path, digest: str) -> Iterator[Item]:
        with log.open("a") as stream:
            stream.write(f"{digest}\n")
        return original(blob, digest)

    monkeypatch.setattr(content, "_read", read)
    run(images, Counting(), jobs=jobs)
    digests = log.read_text().split()
    assert len(digests) == len(set(digests)) == 3
    run(images, Counting("again"), jobs=jobs)
    assert log.read_text().split() == digests


@pytest.mark.parametrize(("jobs", "here"), [(1, True), (2, False)])
def test_what_looks_does_so_in_processes_if_there_may_be_several(images: Lab, jobs: int, here: bool) -> None:
    class Telling(Counting):
        def run(self, subject: Subject) -> Outcome:
            return Outcome({"process": os.getpid()})

    found = run(images, Telling(), jobs=jobs)
    processes = {
        json.loads(images.store.read_bytes(v.statement))["predicate"]["process"] for v in found.verdicts
    }
    assert (processes == {os.getpid()}) is here


def test_jobs_change_no_byte_of_a_statement(images: Lab, tmp_path: Path) -> None:
    many = run(images, Counting(findings=(Finding("a", "etc/x", "is there"),)), jobs=4)
    one = run(images, Counting(findings=(Finding("a", "etc/x", "is there"),)), jobs=1)
    assert [v.statement for v in many.verdicts] == [v.statement for v in one.verdicts]
    assert [v.image for v in many.verdicts] == [v.image for v in one.verdicts]
    assert [v.findings for v in many.verdicts] == [v.findings for v in one.verdicts]


def test_checks_that_read_no_layers_leave_them_unread(images: Lab) -> None:
    check = Counting()
    check.reads_layers = False  # type: ignore[attr-defined]
    check.run = lambda subject: Outcome({})  # type: ignore[method-assign]
    run(images, check)
    assert not [path for path in images.store.steps.iterdir() if b'"items"' in path.read_bytes()]


def test_a_damaged_layer_fails_the_checks_that_need_it(images: Lab) -> None:
    layer = write_layer(images.store, [file("etc/one")], 1)
    blob = images.store.blob(layer.digest)
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.unlink()
    blob.write_bytes(data)
    found = run(images, Counting())
    assert list(found.failures) == [("one", "counting")]
    assert found.failures["one", "counting"].exit_code == 33


def lines(found: CheckRun) -> list[dict[str, Any]]:
    return [verdict.to_json() for verdict in found.verdicts]


def path_of(folder: Path, verdict: Verdict) -> Path:
    return statement_path(folder, verdict.digest, verdict.check, verdict.statement)


def test_the_way_in_for_people_leads_to_what_was_said_last(images: Lab, tmp_path: Path) -> None:
    found = run(images, Counting())
    way = tmp_path / "1/two/counting.json"
    way.parent.mkdir(parents=True)
    way.write_text("of a release that put statements here")
    for _ in range(2):
        publish(images.store, tmp_path, "1", lines(found))
        assert way.is_symlink() and not way.readlink().is_absolute()
        assert way.samefile(path_of(tmp_path, found.verdicts[1]))


def test_a_statement_that_was_edited_is_made_again(images: Lab, tmp_path: Path) -> None:
    check, folder = Counting(), tmp_path / "evidence"
    found = run(images, check)
    publish(images.store, folder, "1", lines(found))
    target = path_of(folder, found.verdicts[0])
    target.chmod(0o644)
    target.write_text("{}")
    again = run(images, check)
    publish(images.store, folder, "1", lines(again))
    assert check.ran.count("one") == 2
    assert f"sha256:{sha256_file(target)}" == again.verdicts[0].statement == found.verdicts[0].statement


def test_statements_are_shared_with_the_store_and_left_alone_when_there(images: Lab, tmp_path: Path) -> None:
    found = run(images, Counting())
    publish(images.store, tmp_path, "1", lines(found))
    target = path_of(tmp_path, found.verdicts[1])
    assert target.samefile(images.store.blob(found.verdicts[1].statement))
    before = target.stat()
    publish(images.store, tmp_path, "1", lines(found))
    assert target.stat().st_ctime_ns == before.st_ctime_ns
    target.unlink()
    target.write_bytes(b"older")
    publish(images.store, tmp_path, "1", lines(found))
    assert f"sha256:{sha256_file(target)}" == found.verdicts[1].statement


def test_an_interrupt_cancels_what_runs(images: Lab) -> None:
    began, cancelled = threading.Event(), threading.Event()

    class Waiting(Counting):
        reads_layers = False

        def run(self, subject: Subject) -> Outcome:
            if subject.name == "one":
                began.wait(10)
                raise KeyboardInterrupt
            began.set()
            assert cancelled.wait(10)
            return Outcome({})

        def cancel(self) -> None:
            cancelled.set()

    with pytest.raises(KeyboardInterrupt):
        run(images, Waiting())
    assert cancelled.is_set()
