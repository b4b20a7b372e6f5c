"""`.ci/run` where tests really fail: one archive, and the command that repeats what failed."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = """\
junit = $(if $(CI_RESULTS),--junitxml=$(CI_RESULTS)/$(1).xml)
test: lint
\t{python} -m pytest -q -p no:cacheprovider $(call junit,integration) tests
lint:
\t@{lint}
"""
TESTS = """\
import pytest

@pytest.mark.parametrize("value", ["a", "b c"])
def test_value(value):
    assert value == "a"

class TestMore:
    def test_more(self):
        assert 0

def test_good():
    pass
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    (root / ".ci").mkdir(parents=True)
    for name in ("run", "bundle.py"):
        (root / ".ci" / name).write_bytes((ROOT / ".ci" / name).read_bytes())
    (root / ".ci/run").chmod(0o755)
    (root / "tests/deep").mkdir(parents=True)
    (root / "tests/deep/test_it.py").write_text(TESTS)
    (root / "out/logs/stack").mkdir(parents=True)
    (root / "out/logs/stack/old.log").write_text("of a run before\n")
    os.utime(root / "out/logs/stack/old.log", (1, 1))
    (root / "Makefile").write_text(MAKEFILE.format(python=sys.executable, lint="echo fine"))
    (root / "pytest.ini").write_text("[pytest]\n")
    return root


def ci(root: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHON": sys.executable, "CI": "1"}
    environment = {k: v for k, v in environment.items() if not k.startswith(("PYTEST", "MAKE", "CI_RESULTS"))}
    return subprocess.run([".ci/run"], cwd=root, env=environment, capture_output=True, text=True, check=False)


def bundle(root: Path) -> dict[str, str]:
    with tarfile.open(root / "out/ci-failure.tar.gz") as tar:
        members = {info.name.removeprefix("ci-failure/"): tar.extractfile(info) for info in tar}
        return {name: stream.read().decode() for name, stream in members.items() if stream}


def test_failing_tests_are_named_as_pytest_takes_them(checkout: Path) -> None:
    done = ci(checkout)
    assert done.returncode == 2, "the status of make"
    wanted = (
        ".venv/bin/python -m pytest 'tests/deep/test_it.py::test_value[b c]'"
        " tests/deep/test_it.py::TestMore::test_more\n"
    )
    assert done.stderr.endswith(f"all that tells why: out/ci-failure.tar.gz\nto repeat it here:\n{wanted}")
    files = bundle(checkout)
    assert files["repeat.txt"] == wanted
    assert {"plan.json", "doctor.json", "versions.txt", "results/make.log", "results/integration.xml"} <= {
        *files
    }
    assert "logs/services/stack/old.log" not in files
    command = wanted.replace(".venv/bin/python", sys.executable)
    again = subprocess.run(command, shell=True, cwd=checkout, capture_output=True, text=True, check=False)
    assert (again.returncode, "2 failed" in again.stdout) == (1, True)


def test_logs_of_the_run_are_in_it(checkout: Path) -> None:
    log = "out/logs/stack/new.log"
    (checkout / "Makefile").write_text(
        MAKEFILE.format(python=sys.executable, lint=f"echo why > {log}; false")
    )
    done = ci(checkout)
    assert done.stderr.endswith("to repeat it here:\nmake lint\n")
    files = bundle(checkout)
    assert files["logs/services/stack/new.log"] == "why\n"


def test_a_module_that_cannot_be_read_is_named(checkout: Path) -> None:
    (checkout / "tests/deep/test_it.py").write_text("import nothing_of_this_name\n")
    assert ci(checkout).stderr.endswith(".venv/bin/python -m pytest tests/deep/test_it.py\n")


def test_a_good_run_leaves_no_archive(checkout: Path) -> None:
    (checkout / "tests/deep/test_it.py").write_text("def test_good():\n    pass\n")
    (checkout / "out/ci-failure.tar.gz").write_bytes(b"of a run before")
    assert ci(checkout).returncode == 0
    assert not (checkout / "out/ci-failure.tar.gz").exists()
