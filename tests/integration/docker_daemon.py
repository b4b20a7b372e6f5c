"""The fixture of a Docker daemon of our own, for tests that put something into one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.integration.daemon import Daemon


@pytest.fixture(scope="session")
def docker_daemon() -> Iterator[Daemon]:
    """Debian's daemon, with data of its own; it ends with the tests."""
    daemon = Daemon(f"load-{os.urandom(2).hex()}", [])  # each folder of tests has one of its own
    try:
        yield daemon
    finally:
        daemon.stop()


@pytest.fixture
def at_docker_daemon(docker_daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """The daemon, named as users name it."""
    docker_daemon.named(monkeypatch)
    return docker_daemon
