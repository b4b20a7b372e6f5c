"""`scs-build doctor` tells what a machine lacks, how to mend it, and whether a build can run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from scs_build.cli import checks, enginechecks
from scs_build.cli.enginechecks import Check
from scs_build.cli.options import Session
from scs_build.errors import InfrastructureError, RecipeError
from tests.unit.cli.conftest import Said

Call = Callable[..., Said]
SESSION = Session()
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def set_checks(*results: Check) -> None:
        def one(session: Session) -> Iterable[Check]:
            return results

        monkeypatch.setattr(checks, "CHECKS", (one,))

    return set_checks


def test_a_machine_with_warnings_can_build(call: Call, found: Callable[..., None]) -> None:
    found(Check("disk", "ok", "20 GB"), Check("memory", "warning", "1 GB", "add memory"))
    said = call("doctor")
    assert said.status == 0
    assert "memory: add memory" in said.stdout and said.stdout.endswith("this machine can build\n")


def test_what_is_missing_is_an_exit_code_and_says_how_to_mend(call: Call, found: Callable[..., None]) -> None:
    found(Check("native engine", "missing", "lacks root", "run as root"))
    said = call("doctor", "--json")
    assert said.status == InfrastructureError.exit_code
    assert json.loads(said.stdout) == {
        "ready": False,
        "checks": [
            {"name": "native engine", "verdict": "missing", "found": "lacks root", "mend": "run as root"}
        ],
    }


def test_a_check_that_cannot_look_does_not_end_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def recipes(session: Session) -> Iterable[Check]:
        raise RecipeError("no such folder", solution="change into a checkout")

    def memory(session: Session) -> Iterable[Check]:
        raise FileNotFoundError(2, "No such file", "/proc/meminfo")

    monkeypatch.setattr(checks, "CHECKS", (recipes, memory, checks.python))
    results = checks.all_checks(SESSION)
    assert [(check.name, check.verdict) for check in results] == [
        ("recipes", "missing"),
        ("memory", "warning"),
        ("python", "ok"),
    ]
    assert results[0].mend == "change into a checkout"


@pytest.fixture
def nothing_works(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Session:
    """A user who is not root on a machine without a daemon."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    return Session(store_option=tmp_path / "store")


def test_without_any_engine_both_are_told_with_what_to_do(nothing_works: Session) -> None:
    native, docker = enginechecks.engines(nothing_works)
    assert native.verdict == docker.verdict == "missing"
    assert "root" in native.found and "root" in native.mend
    assert "no Docker daemon answers at tcp://127.0.0.1:1" in docker.found and "DOCKER_HOST" in docker.mend


def test_one_engine_is_enough(nothing_works: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    works = Check("docker engine", "ok", "Docker 99")
    monkeypatch.setattr(enginechecks, "docker_engine", lambda session, tools: works)
    native, docker = enginechecks.engines(nothing_works)
    assert (native.verdict, native.found, native.mend) == ("ok", "not needed; lacks root", "")
    assert docker == works


@pytest.mark.parametrize(("free", "verdict"), [(10**9, "missing"), (10**10, "warning"), (10**11, "ok")])
def test_disk_space(free: int, verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scs_build.store.usage.free_space", lambda path: free)
    store, disk = checks.disk(Session(store_option=tmp_path / "store"))
    assert (store.verdict, disk.verdict) == ("ok", verdict)
    assert bool(disk.mend) == (verdict != "ok")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """The folder of the archive keys in a copy of the checkout."""
    folder = tmp_path / "images" / "series" / "keys"
    shutil.copytree(ROOT / "images/series/keys", folder)
    return folder


@pytest.mark.parametrize(("expires", "verdict"), [("2001-01-01", "warning"), ("9000-01-01", "ok")])
def test_archive_keys_that_expire_are_told(expires: str, verdict: str, keys: Path, tmp_path: Path) -> None:
    table = json.loads((keys / "keys.json").read_text())
    table["keys"] = [{**key, "expires": expires} for key in table["keys"]]
    (keys / "keys.json").write_text(json.dumps(table))
    found = list(checks.archive_keys(Session(root_option=tmp_path)))
    assert len(found) == len(table["keys"])
    assert {(check.verdict, check.found) for check in found} == {(verdict, f"until {expires}")}


def test_a_damaged_archive_key_is_told(keys: Path, tmp_path: Path) -> None:
    damaged = next(keys.glob("*.asc"))
    damaged.write_text("junk")
    (check,) = checks.archive_keys(Session(root_option=tmp_path))
    assert check.verdict == "missing" and damaged.name in check.found


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": [{"file": "a"}]}', '{"keys": 1}', "[" * 100_000])
def test_a_damaged_table_of_keys_is_told(text: str, tmp_path: Path) -> None:
    folder = tmp_path / "images" / "series" / "keys"
    folder.mkdir(parents=True)
    (folder / "keys.json").write_text(text)
    (check,) = checks.archive_keys(Session(root_option=tmp_path))
    assert check.verdict == "missing" and "keys.json" in check.found and check.mend
