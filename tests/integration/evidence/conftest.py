"""The Docker daemon at which the tests of evidence run images."""

from tests.integration.docker_daemon import at_docker_daemon, docker_daemon

__all__ = ["at_docker_daemon", "docker_daemon"]
