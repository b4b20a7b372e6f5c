"""Our images as they are shipped: no finding without a reason, evidence that verifies, nothing done twice."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scs_build.build.build import BuildResult
from scs_build.evidence.statement import Statement
from scs_build.store.store import Store
from tests.integration.build import parts
from tests.integration.conftest import ROOT

IMAGES = ["debian", "python", "keystone", "mariadb", "memcached"]
CHECKS = {"attribution", "sbom", "licences", "hardening", "smoke"}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, store: Store, built: BuildResult) -> Path:
    folder = tmp_path_factory.mktemp("out")
    assert parts.call(store, "manifest", "--offline", "-o", str(folder)).returncode == 0
    return folder


def check(store: Store, out: Path, *args: str, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return parts.call(store, "check", *args, "--offline", "--json", "-o", str(out), root=root)


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_our_images_fulfil_their_contracts_and_the_evidence_verifies(store: Store, out: Path) -> None:
    found = answer(check(store, out))
    verdicts = {(v["image"], v["check"]): v for v in found["verdicts"]}
    assert {image for image, _ in verdicts} == set(IMAGES)
    assert {name for _, name in verdicts} >= CHECKS
    assert found["indexed"] is True
    unexcused = [f for v in verdicts.values() for f in v["findings"] if not f["accepted"]]
    assert unexcused == []
    for (image, name), verdict in verdicts.items():
        data = (Path(found["evidence"]) / image / f"{name}.json").read_bytes()
        statement = Statement.from_bytes(data)
        assert (statement.name, statement.digest) == (image, verdict["digest"])
    verified = parts.call(store, "verify", "-o", str(out))
    assert verified.returncode == 0, verified.stderr
    assert "all is well" in verified.stdout


def test_again_nothing_is_looked_at(store: Store, out: Path) -> None:
    first = answer(check(store, out))
    assert [v["seconds"] for v in answer(check(store, out))["verdicts"]] == [0] * len(first["verdicts"])


def test_a_tampered_statement_is_noticed_and_mended(store: Store, out: Path) -> None:
    answer(check(store, out))
    path = (out / "evidence/2026.1/mariadb/hardening.json").resolve()
    original = path.read_bytes()
    path.unlink()
    path.write_bytes(original.replace(b"ACCEPTED", b"PASSED"))
    verified = parts.call(store, "verify", "-o", str(out))
    assert verified.returncode == 33
    assert "mariadb: hardening: the statement" in verified.stderr
    answer(check(store, out))
    assert path.read_bytes() == original
    assert parts.call(store, "verify", "-o", str(out)).returncode == 0


def test_a_build_keeps_the_evidence_of_images_that_stayed_the_same(store: Store, out: Path) -> None:
    answer(check(store, out))
    before = json.loads((out / "2026.1.json").read_text())
    assert parts.call(store, "build", "--offline", "-o", str(out)).returncode == 0
    assert json.loads((out / "2026.1.json").read_text()) == before
    assert len(before["evidence"]) >= len(IMAGES) * len(CHECKS)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("images", "policy"):
        shutil.copytree(ROOT / name, tmp_path / "checkout" / name)
    return tmp_path / "checkout"


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_lost_exception_and_a_broken_smoke_test_end_with_35(
    store: Store, out: Path, checkout: Path
) -> None:
    recipe = checkout / "images/iaas/mariadb/recipe.yaml"
    change(recipe, "exceptions:\n  shell:", "exceptions:\n  compiler:")
    change(recipe, "expect: MariaDB", "expect: PostgreSQL")
    done = check(store, out, "mariadb", "memcached", root=checkout)
    assert done.returncode == 35
    found = {f["rule"]: f for v in json.loads(done.stdout)["verdicts"] for f in v["findings"]}
    assert set(found) == {"shell", "stale-exception", "smoke-command"}
    assert "11.8" in found["smoke-command"]["text"]
    assert "mariadb: not as the contracts ask for" in done.stderr


def test_only_some_checks_and_images(store: Store, out: Path) -> None:
    found = answer(check(store, out, "memcached", "--only", "smoke"))
    assert [(v["image"], v["check"]) for v in found["verdicts"]] == [("memcached", "smoke")]
