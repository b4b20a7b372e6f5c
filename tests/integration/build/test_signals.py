"""SIGINT, SIGTERM and SIGHUP while a step runs."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from scs_build.build.build import BuildResult
from scs_build.store.store import Store
from tests.integration.build import parts
from tests.integration.build.test_build import digests
from tests.integration.build.test_faults import wait_until_nothing_is_left
from tests.integration.conftest import graph_of


@pytest.fixture
def grounded(store: Store, built: BuildResult, fresh: Store) -> Store:
    """A store with tools and scaffold, where the packages of all images are still to be installed."""
    return parts.copied(store, fresh, parts.steps_of(graph_of()).values(), parts.GROUND)


def quick(built: BuildResult) -> dict[str, str]:
    return {name: digest for name, digest in digests(built).items() if name in parts.QUICK}


@pytest.mark.parametrize(
    ("end", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_while_packages_are_installed_leaves_nothing_and_the_next_run_goes_on(
    built: BuildResult, grounded: Store, tmp_path: Path, end: int, status: int
) -> None:
    with parts.running(grounded, tmp_path, *parts.QUICK) as process:
        assert parts.wait_for(process, "install debian")
        os.kill(process.pid, end)
        _, said = process.communicate(timeout=30)
        assert process.returncode == status
        assert said.rstrip().endswith("; run again to continue: what is finished is kept")
        assert "Traceback" not in said
    wait_until_nothing_is_left(grounded)
    done = parts.build(grounded, tmp_path, *parts.QUICK)
    assert parts.digests(done) == quick(built)
    assert "scaffold ..." not in done.stderr
    assert list((grounded.root / "tmp").iterdir()) == []
