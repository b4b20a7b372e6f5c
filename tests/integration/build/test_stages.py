"""kill -9, SIGINT and SIGTERM at every stage of a build."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import pytest

from scs_build.build.build import BuildResult
from scs_build.store.store import Store
from scs_build.store.verify import verify
from tests.integration.build import parts
from tests.integration.build.test_build import digests
from tests.integration.build.test_faults import wait_until_nothing_is_left
from tests.integration.conftest import graph_of

STAGES = ("tools", "scaffold", "install debian", "packages debian", "install memcached", "packages memcached")


@pytest.fixture
def grounded(store: Store, built: BuildResult, fresh: Store) -> Store:
    """A store with tools and scaffold, where the packages of all images are still to be installed."""
    return parts.copied(store, fresh, parts.steps_of(graph_of()).values(), parts.GROUND)


def quick(built: BuildResult) -> dict[str, str]:
    return {name: digest for name, digest in digests(built).items() if name in parts.QUICK}


def test_kill_9_at_every_stage_loses_no_finished_step(
    built: BuildResult, fresh: Store, tmp_path: Path
) -> None:
    chance = random.Random(3)
    for stage in STAGES:
        assert parts.killed_at(fresh, tmp_path, stage, chance.uniform(0, 1.5)), f"{stage} did not begin"
        wait_until_nothing_is_left(fresh)
    done = parts.build(fresh, tmp_path, *parts.QUICK)
    assert parts.digests(done) == quick(built)
    assert "scaffold ..." not in done.stderr
    assert list((fresh.root / "tmp").iterdir()) == []
    assert verify(fresh) == []


@pytest.mark.parametrize(("end", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_signal_while_packages_are_installed_leaves_nothing_and_the_next_run_goes_on(
    built: BuildResult, grounded: Store, tmp_path: Path, end: int, status: int
) -> None:
    with parts.running(grounded, tmp_path, *parts.QUICK) as process:
        assert parts.wait_for(process, "install debian")
        os.kill(process.pid, end)
        process.communicate(timeout=30)
        assert process.returncode == status
    wait_until_nothing_is_left(grounded)
    done = parts.build(grounded, tmp_path, *parts.QUICK)
    assert parts.digests(done) == quick(built)
    assert "scaffold ..." not in done.stderr
    assert list((grounded.root / "tmp").iterdir()) == []
