"""The connection to a Docker daemon: found as its own programs find it, failures told as ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scs_build.errors import DiskFullError, EngineError, ScsBuildError

if TYPE_CHECKING:
    from docker import APIClient

# Docker 20.10, the oldest that this was tried with.
OLDEST_API = "1.41"
CONNECT_SECONDS = 10
# The longest that a daemon may think in silence: about an archive that it has read, for example.
ANSWER_SECONDS = 600
START = "start it (`systemctl start docker`), or name another one with DOCKER_HOST or `docker context use`"
MAY_NOT = "let an administrator add you to its group (`usermod -aG docker USER`), then log in again"
NO_SSH = "forward its socket (`ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock HOST`) and set \
DOCKER_HOST=unix:///tmp/docker.sock"
CONTEXTS = "see `docker context ls`, or name the daemon with DOCKER_HOST"
ROOM = (
    "make room there: `docker system df` says what takes it,"
    " `docker image rm $(docker image ls -q scs-build-step)` removes what earlier builds sent"
)
# What the SDK says when its configuration file holds something else than it expects.
MALFORMED = (AttributeError, KeyError, TypeError, ValueError)


def connect(platform: str) -> APIClient:
    """Return a client of the daemon that DOCKER_HOST or the current context names.

    Raises `EngineError` when none answers, when it is too old, or not for `platform`.
    """
    from docker.errors import DockerException

    where = address()
    try:
        with _client(OLDEST_API, CONNECT_SECONDS) as first:
            version = first.version(api_version=False)
        api = str(version["ApiVersion"])
        client = _client(api, ANSWER_SECONDS)
    except (DockerException, OSError) as error:
        raise _no_connection(where, error) from error
    except MALFORMED as error:
        raise _malformed(error) from error
    if _numbers(api) < _numbers(OLDEST_API):
        raise EngineError(
            f"the Docker daemon is too old: {version['Version']} (API {api})",
            solution="use Docker 20.10 (API 1.41) or later",
        )
    if (found := f"{version['Os']}/{version['Arch']}") != platform:
        raise EngineError(
            f"the Docker daemon runs on {found}, the images are for {platform}",
            solution=f"name a daemon on {platform} with DOCKER_HOST or `docker context use`",
        )
    return client


def _client(version: str, timeout: int) -> APIClient:
    """Return a client that has asked nothing yet."""
    import docker

    client = docker.from_env(version=version, timeout=timeout).api
    # Else a bundle of authorities that the site names for downloads would replace the daemon's own.
    client.trust_env = False
    return client


def address() -> str:
    """Return where the daemon is looked for; raises `EngineError` for a context that is not there."""
    from docker.context import ContextAPI
    from docker.errors import DockerException

    if host := os.environ.get("DOCKER_HOST"):
        return host
    name = os.environ.get("DOCKER_CONTEXT") or None
    try:
        context = ContextAPI.get_context(name) if name else ContextAPI.get_current_context()
    except (DockerException, OSError, *MALFORMED) as error:
        raise _malformed(error) from error
    if context is None:
        raise EngineError(f"there is no Docker context {name or 'of the current name'}", solution=CONTEXTS)
    return str(context.Host)


@contextmanager
def talking(about: str) -> Iterator[None]:
    """Turn what can go wrong in a conversation with the daemon into our errors; `about` says in what."""
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except APIError as error:
        raise refusal(f"{about}: {error.explanation or error}") from error
    except (DockerException, RequestException, HTTPError, ConnectionError, TimeoutError) as error:
        raise EngineError(
            f"{about}: the connection to the Docker daemon broke: {_innermost(error)}",
            solution="nothing is lost: see that the daemon runs, then run the command again",
        ) from error


def refusal(reason: str) -> ScsBuildError:
    """Return the error for what the daemon said no to."""
    if "no space left on device" in reason.lower():
        return DiskFullError(f"the disk of the Docker daemon is full: {reason}", solution=ROOM)
    return EngineError(f"the Docker daemon refused: {reason}", solution="run `scs-build doctor`")


def _no_connection(where: str, error: Exception) -> EngineError:
    if _caused_by(error, PermissionError):
        return EngineError(f"you may not use the Docker daemon at {where}", solution=MAY_NOT)
    if where.startswith("ssh:"):
        return EngineError(f"ssh is not spoken to Docker daemons: {where}", solution=NO_SSH)
    return EngineError(f"no Docker daemon answers at {where}: {_innermost(error)}", solution=START)


def _malformed(error: Exception) -> EngineError:
    return EngineError(f"the Docker configuration and contexts cannot be read: {error}", solution=CONTEXTS)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those it was raised for, also where only the arguments tell."""
    yield error
    for cause in (error.__cause__, error.__context__, *error.args):
        if isinstance(cause, BaseException) and cause is not error:
            yield from _causes(cause)
            return


def _caused_by(error: BaseException, kind: type[BaseException]) -> bool:
    return any(isinstance(cause, kind) for cause in _causes(error))


def _innermost(error: BaseException) -> str:
    """Return the cause of all, without the number that the system gives it."""
    *_, cause = _causes(error)
    return cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
