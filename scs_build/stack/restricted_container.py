"""A container of a Docker daemon in which a sandbox's command runs as the native runner would run it."""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from scs_build.engines.container import Container, in_memory, limit, no_log
from scs_build.engines.sandbox import SWITCH_CAPABILITIES, TOOLS_INSIDE, Sandbox, inside_argv
from scs_build.engines.tools import ToolsTree
from scs_build.errors import EngineError
from scs_build.evidence.restricted import Restricted
from scs_build.stack.restricted import OUTPUT_BYTES

if TYPE_CHECKING:
    from docker import APIClient

# What sets the environment, changes the user, asks a port, and ends a question that has no end.
PROGRAMS = ("env", "setpriv", "perl", "timeout")
# What `timeout` ends with when it had to end the command.
TIMED_OUT = 124
# How long the last words of a command that has ended may be on their way.
LAST_WORDS_SECONDS = 30.0


class RestrictedContainer(Container):
    """The container of one command. It has a volume with the few programs that start the command."""

    def __init__(self, client: APIClient, tools: ToolsTree, sandbox: Sandbox, asked: Restricted) -> None:
        super().__init__(client, sandbox.hostname, asked.timeout)
        self._tools = tools
        self._sandbox = sandbox
        self._memory = asked.memory
        self._said = _End()
        self._waiting: Future[int] = Future()

    def create(self, image: str, box: bytes) -> None:
        """Make the container on an image, with the archive of `toolbox` at its place."""
        sandbox = self._sandbox
        host = self._client.create_host_config(
            network_mode="none",
            cap_drop=["ALL"],
            # Those to change the user are given up before the command starts; the first process keeps them,
            # and the right to hand signals on to it.
            cap_add=sorted({*sandbox.capabilities, *SWITCH_CAPABILITIES, "CAP_KILL"}),
            security_opt=["no-new-privileges"],
            read_only=True,
            ulimits=[limit("core", 0), limit("data", self._memory)],
            tmpfs=in_memory(sandbox.tmpfs),
            mounts=[self._filled(image, str(TOOLS_INSIDE), box)],
            log_config=no_log(),
            # The first process of a PID namespace does not see signals that it does not ask for.
            init=True,
        )
        self._id = self._create(
            image, [], host, entrypoint=self._argv(sandbox), hostname=sandbox.hostname, user="0:0",
            working_dir=sandbox.workdir,
        )  # fmt: skip

    @contextmanager
    def started(self) -> Iterator[None]:
        """Start the command, and listen to it until the block is left; then it is killed."""
        with self.output() as output, ThreadPoolExecutor(2) as pool:
            try:
                self._client.start(self._id)
                pool.submit(self._said.listen, output)
                self._waiting = pool.submit(self.wait)
                yield
            finally:
                self.remove()

    def end(self, seconds: float) -> int | None:
        """Return the status of the command when it ends within this time, else None.

        Raises `EngineError` when somebody else ended it.
        """
        if not wait([self._waiting], seconds).done:
            return None
        status = self._waiting.result()
        if status and self.state().get("OOMKilled"):
            raise EngineError(f"the daemon's machine ran out of memory in {self._name}")
        return status

    def said(self) -> str:
        """Return the end of what the command said; it has ended, or was killed."""
        return self._said.text(LAST_WORDS_SECONDS)

    def ask(self, argv: tuple[str, ...], seconds: float) -> str:
        """Run a command beside it, with the same rights; return why it failed in a line, else nothing."""
        from docker.errors import APIError

        bounded = self._tools.argv("timeout", "--kill-after=1", f"{seconds:g}", *argv, at=TOOLS_INSIDE)
        question = self._argv(replace(self._sandbox, argv=tuple(bounded)))
        try:
            asked = self._client.exec_create(self._id, question, user="0:0", workdir=self._sandbox.workdir)
            text = _End()
            with self._stream(f"exec/{asked['Id']}/start", json={"Detach": False}) as output:
                text.listen(output)
            status = self._client.exec_inspect(asked["Id"])["ExitCode"]
        except APIError as error:
            if self.state()["Running"]:
                raise
            return str(error.explanation or error)
        lines = text.text(0).strip().splitlines()
        if status == TIMED_OUT and not lines:
            return f"no answer within {seconds:g} s"
        return "" if status == 0 else lines[-1] if lines else f"status {status}"

    def _argv(self, sandbox: Sandbox) -> list[str]:
        """Return what the daemon starts: the command with its environment alone, rights and user changed."""
        pairs = [f"{name}={value}" for name, value in sorted((sandbox.environment or {}).items())]
        return self._tools.argv("env", "-i", *pairs, *inside_argv(sandbox, self._tools), at=TOOLS_INSIDE)


class _End:
    """The end of an output, and whether there is more to come."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._whole = threading.Event()

    def listen(self, output: Iterator[bytes]) -> None:
        """Take an output to its end; that a connection broke is told by whoever waits for the status."""
        from urllib3.exceptions import HTTPError

        try:
            with suppress(HTTPError, OSError):
                for piece in output:
                    self._bytes += piece
                    del self._bytes[:-OUTPUT_BYTES]
        finally:
            self._whole.set()

    def text(self, seconds: float) -> str:
        """Return it, whole if that comes about within this time."""
        self._whole.wait(seconds)
        return self._bytes.decode(errors="replace")


def toolbox(tools: ToolsTree) -> bytes:
    """Return an archive of the programs of the tools tree that start a command, with their libraries."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        paths = tools.needed(*PROGRAMS)
        folders = {str(parent) for path in paths for parent in PurePosixPath(path).parents} - {"."}
        for folder in sorted(folders):
            member = tarfile.TarInfo(folder)
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(member)
        for path in paths:
            content = (tools.path / path).read_bytes()
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()
