"""A step that fails leaves its state, and `scs-build shell` is a look into it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scs_build.build.build import BuildResult
from scs_build.build.failed import failed_states, log_of
from scs_build.errors import StepError, UnexplainedError, UnknownNameError
from scs_build.store.gc import collect, plan_gc
from scs_build.store.store import Store
from tests.integration.build import parts
from tests.integration.build.test_build import command
from tests.integration.conftest import SERIES, build_images, graph_of

LOCK = "images/iaas/memcached/lock/2026.1.json"


@pytest.fixture
def own(store: Store, built: BuildResult) -> Iterator[Store]:
    """A store on the same disk in which the base is built, and memcached is not."""
    other = Store(store.root.parent / f"{store.root.name}-failed-{os.getpid()}")
    steps = parts.steps_of(graph_of(), ("debian", "memcached"))
    yield parts.copied(store, other, steps.values(), parts.steps_of(graph_of(), ("debian",)))
    shutil.rmtree(other.root)


@pytest.fixture
def broken(checkout: Path) -> Path:
    """A checkout in which the lock of memcached lacks a package that it needs."""
    path = checkout / LOCK
    lines = path.read_text().splitlines(keepends=True)
    kept = [line for line in lines if '"libevent-2.1-7t64"' not in line]
    assert len(kept) == len(lines) - 1
    path.write_text("".join(kept))
    json.loads(path.read_text())
    return checkout


def fail(own: Store, broken: Path) -> StepError:
    error = build_images(own, ("memcached",), broken, offline=True).failures["memcached"]
    assert isinstance(error, StepError)
    return error


def test_a_failed_step_can_be_looked_at_until_it_ends_well(own: Store, broken: Path) -> None:
    error = fail(own, broken)
    assert error.solution and error.solution.startswith(f"`scs-build shell memcached --series {SERIES}`")
    root = ("--root", str(broken))
    script = "test -e /step/passwd && tail -n 1 /etc/passwd && ls /step && touch /etc/mine && exit 7"
    for _ in range(2):  # what is changed there is gone afterwards
        done = command(
            own, "shell", "memcached", *root, "--", "/bin/sh", "-c", f"test ! -e /etc/mine && {script}"
        )
        assert done.returncode == 7, done.stderr
        assert "install:memcached failed here; inputs: /step; its log: /" in done.stderr
        assert done.stdout.startswith("memcached:x:")  # the users were there, the packages not yet
        assert [line for line in done.stdout.splitlines() if line.startswith("memcached_")]
    fail(own, broken)
    assert len(list(own.failed.iterdir())) == 1, "one state of each image"
    assert own.sizes().tmp > 0

    assert not build_images(own, ("memcached",), offline=True).failures
    assert failed_states(own, SERIES) == []
    done = command(own, "shell", "memcached", "--", "/usr/bin/memcached", "--version")
    assert (done.returncode, done.stdout.startswith("memcached ")) == (0, True)
    assert "no step of memcached failed; this is install:memcached, after it ended well" in done.stderr


def test_a_collection_takes_the_state(own: Store, broken: Path) -> None:
    fail(own, broken)
    (item,) = (item for item in plan_gc(own) if item.kind == "failed")
    assert item.bytes > 0
    collect(own, [item])
    assert list(own.failed.iterdir()) == []
    done = command(own, "shell", "memcached", "--root", str(broken), "--", "/bin/true")
    assert done.returncode == UnknownNameError.exit_code
    assert "scs-build build memcached" in done.stderr


def test_a_shell_reads_commands(own: Store, broken: Path) -> None:
    fail(own, broken)
    done = subprocess.run(
        [sys.executable, "-m", "scs_build", "shell", "memcached", "--root", str(broken)],
        env={**os.environ, "SCS_BUILD_STORE": str(own.root)}, input="id -u\nexit 3\n",
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "0\n")


@pytest.mark.parametrize(
    ("end", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_a_shell_and_names_its_status(own: Store, broken: Path, end: int, status: int) -> None:
    fail(own, broken)
    argv = parts.argv(own, "shell", "memcached", "--", "/bin/sh", "-c", "echo ready; sleep 60", root=broken)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        process.send_signal(end)
        assert process.wait(timeout=30) == status


def test_a_tree_whose_content_is_refused_can_be_looked_at(own: Store, checkout: Path) -> None:
    """The step ended well in its sandbox; the check of what it left did not."""
    table = checkout / "images/paths.yaml"
    lines = table.read_text().splitlines(keepends=True)
    kept = [line for line in lines if "path: /etc/passwd," not in line]
    assert len(kept) == len(lines) - 1
    table.write_text("".join(kept))
    error = build_images(own, ("memcached",), checkout, offline=True).failures["memcached"]
    assert isinstance(error, UnexplainedError)
    assert error.reason == "/etc/passwd was made while the packages of debian were installed"
    assert error.solution and f"`scs-build shell debian --series {SERIES}`" in error.solution
    for image in ("debian", "memcached"):  # that of an image below is on the way to an image
        look = ("--root", str(checkout), "--", "grep", "^root", "/etc/passwd")
        done = command(own, "shell", image, *look)
        assert done.returncode == 0, done.stderr
        assert "packages:debian failed here; inputs: none; its log: /" in done.stderr
    assert error.reason in log_of(own, "packages:debian").read_text()


def test_a_shell_says_what_program_is_not_there(own: Store, broken: Path) -> None:
    fail(own, broken)
    done = command(own, "shell", "memcached", "--root", str(broken), "--", "none")
    assert done.returncode == 127
    assert "none: not found" in done.stderr
