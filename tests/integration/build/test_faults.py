"""What must not break a build: company, missing things."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from scs_build.build.build import BuildResult
from scs_build.store.store import Store
from tests.integration.build.test_build import PROGRAM, command, digests
from tests.integration.conftest import ROOT


def start(store: Store, *args: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "SCS_BUILD_STORE": str(store.root)}
    return subprocess.Popen(
        [*PROGRAM, *args], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def left_behind(store: Store) -> list[str]:
    """The mounts and processes that name a store."""
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(store.root) in line]
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(store.root) in text:
            found.append(text)
    return mounts + found


def wait_until_nothing_is_left(store: Store) -> None:
    for _ in range(100):
        if not left_behind(store):
            return
        time.sleep(0.1)
    pytest.fail(f"left behind: {left_behind(store)}")


def test_eight_builds_on_one_store_all_end_with_the_same_digest(
    built: BuildResult,
    fresh: Store,
    tmp_path: Path,
) -> None:
    running = [start(fresh, "build", "debian", "--offline", "-o", str(tmp_path / str(n))) for n in range(8)]
    assert [process.wait(timeout=300) for process in running] == [0] * 8
    indices = {(tmp_path / str(n) / "oci/index.json").read_bytes() for n in range(8)}
    assert len(indices) == 1
    assert digests(built)["debian"].encode() in indices.pop()


def test_offline_with_an_empty_store_says_what_is_missing(tmp_path: Path) -> None:
    done = command(Store(tmp_path / "store"), "build", "debian", "--offline", "-o", str(tmp_path))
    assert done.returncode == 47
    assert "base-files" in done.stderr


def test_a_missing_lock_names_the_command_that_makes_it(store: Store, checkout: Path) -> None:
    (checkout / "images/iaas/memcached/lock/2026.1.json").unlink()
    done = command(store, "plan", "--root", str(checkout))
    assert done.returncode == 12
    assert "scs-build lock memcached" in done.stderr
