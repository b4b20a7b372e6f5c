"""One command's place at a Docker daemon: its container, the volumes of its inputs, and that both go."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

from scs_build.engines.archive import PIECE, tree_archive
from scs_build.engines.lease import labels
from scs_build.engines.sandbox import TMPFS
from scs_build.engines.spec import STEP_ENVIRONMENT, STEP_HOSTNAME, STEP_OPEN_FILES, StepSpec
from scs_build.errors import EngineError
from scs_build.oci.reader import Readable
from scs_build.run import command_line

if TYPE_CHECKING:
    from docker import APIClient
    from docker.types import Mount

# How Docker says that there is no such program, or that it cannot be executed.
NO_PROGRAM = (126, 127)
# The states of a container that somebody is removing.
GOING = ("removing", "dead")
# Where a volume is filled, in a container that never starts.
FILLED_AT = "/input"
# Debian's own profile for containers forbids every mount, whatever the capabilities; the system call
# filter lets those mount who have this capability.
MAY_MOUNT = "CAP_SYS_ADMIN"


class Writable(Protocol):
    """What takes output: a file, or the end of what was said."""

    def write(self, data: bytes, /) -> object:
        """Take a piece."""


class Container:
    """A container with its volumes, nothing of it on this machine; `remove` may be called by any thread."""

    def __init__(self, client: APIClient, name: str, timeout: float) -> None:
        self._client = client
        self._name = name
        self._labels = labels(timeout)
        self._id = ""
        self._volumes: list[str] = []
        self._others: list[str] = []

    def start(self, log: Writable) -> int:
        """Start it and return 0; else, with the reason in the log, the status for a missing program."""
        from docker.errors import APIError

        try:
            self._client.start(self._id)
        except APIError as error:
            status = int(self.state()["ExitCode"])
            if status not in NO_PROGRAM:
                raise
            log.write(f"{error.explanation}\n".encode())
            return status
        return 0

    @contextmanager
    def output(self) -> Iterator[Iterator[bytes]]:
        """Lend what it will say, piece by piece; to be opened before it starts."""
        wanted = {"stream": 1, "stdout": 1, "stderr": 1}
        with self._stream(f"containers/{self._id}/attach", params=wanted) as output:
            yield output

    @contextmanager
    def _stream(self, what: str, **options: Any) -> Iterator[Iterator[bytes]]:
        """Lend the daemon's raw stream: the SDK's own reader waits for more where TLS has it already."""
        url = f"{self._client.base_url}/v{self._client.api_version}/{what}"
        with self._client.post(url, stream=True, **options) as response:
            response.raise_for_status()
            yield _frames(response.raw)

    def wait(self) -> int:
        """Return its status, once it has ended."""
        return int(self._client.wait(self._id)["StatusCode"])

    def kill(self, signal: str = "SIGKILL") -> None:
        """Send it a signal, if it still runs."""
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        with suppress(DockerException, RequestException):
            self._client.kill(self._id, signal)

    def state(self) -> dict[str, Any]:
        """Return what the daemon knows about the container; raises `EngineError` when it is gone."""
        from docker.errors import NotFound

        try:
            state: dict[str, Any] = self._client.inspect_container(self._id)["State"]
        except NotFound:
            state = {"Status": "dead"}
        if state["Status"] in GOING:
            raise EngineError(
                f"somebody removed the container of {self._name}", solution="run the command again"
            )
        return state

    def remove(self) -> None:
        """Remove all that was made for it; what does not work is left to the next engine."""
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        for container in [*self._others, *filter(None, [self._id])]:
            with suppress(DockerException, RequestException):
                self._client.remove_container(container, force=True, v=True)
        for volume in self._volumes:
            with suppress(DockerException, RequestException):
                self._client.remove_volume(volume, force=True)

    def _create(self, image: str, command: list[str], host: Any, **options: Any) -> str:
        made = self._client.create_container(
            image,
            command,
            name=f"scs-build-{re.sub('[^A-Za-z0-9_.-]', '-', self._name)}-{os.urandom(4).hex()}",
            labels=self._labels,
            host_config=host,
            use_config_proxy=False,
            **options,
        )
        return str(made["Id"])

    def _filled(self, image: str, inside: str, archive: Iterator[bytes] | bytes) -> Mount:
        """Send an archive into a volume of its own; return how the container mounts it."""
        volume = str(self._client.create_volume(labels=self._labels)["Name"])
        self._volumes.append(volume)
        host = self._client.create_host_config(network_mode="none", mounts=[_mount(FILLED_AT, volume)])
        filler = self._create(image, [FILLED_AT], host)
        self._others.append(filler)
        self._client.put_archive(filler, FILLED_AT, archive)
        return _mount(inside, volume, read_only=True)


class StepContainer(Container):
    """The container of a step."""

    def __init__(self, client: APIClient, spec: StepSpec) -> None:
        super().__init__(client, spec.name, spec.timeout)
        self._spec = spec
        self._image = ""

    def create(self, image: str) -> None:
        """Send the inputs and make the container on an image."""
        self._image = image
        inputs = self._spec.inputs.items()
        mounts = [self._filled(image, inside, tree_archive(tree)) for inside, tree in inputs]
        host = self._client.create_host_config(
            network_mode="none",
            cap_drop=["ALL"],
            cap_add=list(self._spec.capabilities),
            security_opt=["no-new-privileges", *_security(self._spec)],
            ulimits=[limit("nofile", STEP_OPEN_FILES), limit("core", 0)],
            tmpfs=in_memory(TMPFS),
            mounts=mounts,
            log_config=no_log(),
            init=False,
        )
        # A name without a value is taken away: Docker would set it.
        environment = [*(f"{name}={value}" for name, value in self._environment().items()), "HOSTNAME"]
        self._id = self._create(
            image, list(self._spec.argv), host, hostname=STEP_HOSTNAME, user="0:0", working_dir="/",
            environment=environment,
        )  # fmt: skip

    def export(self) -> Iterator[bytes]:
        """Yield the container's whole file system, without what was mounted, as a tar."""
        yield from self._client.export(self._id, chunk_size=PIECE)

    def command_line(self) -> str:
        """Return a command that starts the step again, without its inputs."""
        options = [f"--cap-add={name}" for name in self._spec.capabilities]
        options += [f"--env={name}={value}" for name, value in sorted(self._environment().items())]
        start = ["docker", "run", "--rm", "--network=none", "--cap-drop=ALL", *options]
        return command_line([*start, self._image, *self._spec.argv])

    def _environment(self) -> dict[str, str]:
        return {**STEP_ENVIRONMENT, **self._spec.environment}


def _frames(stream: Readable) -> Iterator[bytes]:
    """Yield the content of frames: a byte that says which stream, three empty ones, four of length."""
    while len(header := stream.read(8)) == 8:
        length = int.from_bytes(header[4:])
        while length and (piece := stream.read(min(length, PIECE))):
            length -= len(piece)
            yield piece


def _mount(inside: str, volume: str, *, read_only: bool = False) -> Mount:
    from docker.types import Mount

    return Mount(inside, volume, type="volume", read_only=read_only, no_copy=True)


def limit(name: str, value: int) -> Any:
    """Return a limit of resources that cannot be raised again."""
    from docker.types import Ulimit

    return Ulimit(name=name, soft=value, hard=value)


def no_log() -> Any:
    """Return that the daemon keeps no output: it would lack it just when its disk is full."""
    from docker.types import LogConfig

    return LogConfig(type="none", config={})


def in_memory(paths: Mapping[str, int]) -> dict[str, str]:
    """Return how Docker mounts empty memory at paths with modes, where programs may be started from."""
    return {path: f"exec,mode={mode:04o}" for path, mode in paths.items()}


def _security(spec: StepSpec) -> list[str]:
    return ["apparmor=unconfined"] if MAY_MOUNT in spec.capabilities else []
