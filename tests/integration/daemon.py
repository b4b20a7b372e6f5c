"""A Docker daemon of our own: Debian's, in namespaces that end with it, from which our files are hidden.

Whatever runs at the daemon sees neither the store nor the folders of tests, so a step that works got all
it needs through the connection - as with a daemon on another machine.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from scs_build.run import run
from tests.integration.conftest import ROOT

# $1 is a file system for the daemon's data, or empty; the rest are folders to hide.
PREPARE = """
test -z "$1" || mount -o loop "$1" "${1%.img}"
shift
for folder; do mount -t tmpfs hidden "$folder"; done
echo ready
while sleep 0.2; do :; done  # the first process of a namespace has to wait for those whose parent is gone
"""


class Daemon:
    """A daemon with data of its own below /var/lib.

    `options` say where else it listens than at `url`; `room`, such as `200M`, is how much its disk holds.
    """

    def __init__(
        self, name: str, hidden: Sequence[Path], options: Sequence[str] = (), room: str = ""
    ) -> None:
        self.folder = Path("/var/lib", f"scs-build-test-{name}-{os.getpid()}")
        self.url = f"unix://{self.folder}/socket"
        self.log = self.folder / "log"
        self._name = self.folder.name
        self._options = options
        if not shutil.which("dockerd"):
            run([ROOT / ".ci/packages", "docker.io"])
        self.folder.mkdir(mode=0o700)
        namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        disk = self._disk(room) if room else ""
        argv = [*namespaces, "sh", "-ec", PREPARE, "sh", disk, *map(str, hidden)]
        self._process = self._space = subprocess.Popen(argv, stdout=subprocess.PIPE)
        try:
            assert self._space.stdout is not None
            assert self._space.stdout.readline() == b"ready\n"
            self.start()
        except BaseException:
            self.stop()
            raise

    def _disk(self, room: str) -> str:
        disk = self.folder / "data.img"
        run(["truncate", f"--size={room}", disk])
        run(["/sbin/mkfs.ext4", "-q", disk])
        (self.folder / "data").mkdir()
        return str(disk)

    def start(self) -> None:
        """Start the daemon, for the first time or again."""
        inside = ["nsenter", "--target", str(child_of(self._space.pid)), "--pid", "--mount"]
        program = [
            *("dockerd", "--host", self.url, "--pidfile", self.folder / "pid", *self._options),
            *("--data-root", self.folder / "data", "--exec-root", self.folder / "exec"),
            *("--iptables=false", "--bridge=none", "--cgroup-parent", self._name),
            *("--containerd-namespace", self._name),
            *("--containerd-plugins-namespace", f"{self._name}-plugins"),
        ]
        (self.folder / "pid").unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([*inside, *program], stdout=log, stderr=log)
        try:
            wait_until(self._answers)
        except AssertionError as error:
            raise AssertionError(self.log.read_text()[-2000:]) from error

    def named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Name it as users do, for as long as a test runs."""
        for name in ("DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("DOCKER_HOST", self.url)

    def kill(self) -> None:
        """End the daemon as a crash would; its containers run on."""
        os.kill(child_of(self._process.pid), signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """End everything and remove all that is left of it."""
        self._space.kill()
        self._space.communicate()
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.folder)
        for folder in Path("/sys/fs/cgroup").glob(f"**/{self._name}"):
            for path in [*folder.glob("*/"), folder]:
                with suppress(OSError):
                    path.rmdir()

    def _answers(self) -> bool:
        assert self._process.poll() is None
        with socket.socket(socket.AF_UNIX) as connection, suppress(OSError):
            connection.connect(str(self.folder / "socket"))
            connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return connection.recv(100).startswith(b"HTTP/1.0 200")
        return False


def free_port() -> int:
    """Return a port of the loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def child_of(pid: int) -> int:
    """Return the first child of a process; 0 when there is none."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else 0


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens within seconds."""
    for _ in range(1500):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come to pass")
