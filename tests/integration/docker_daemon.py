"""The fixture of a Docker daemon of our own, for tests that put something into one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.daemon import Daemon


@pytest.fixture(scope="session")
def docker_daemon() -> Iterator[Daemon]:
    """Debian's daemon, with data of its own; it ends with the tests."""
    daemon = Daemon("load", [])
    try:
        yield daemon
    finally:
        daemon.stop()


@pytest.fixture
def at_docker_daemon(docker_daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """The daemon, named as users name it."""
    for name in ("DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_HOST", docker_daemon.url)
    return docker_daemon
