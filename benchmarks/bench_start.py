"""keystone from its image against the very same files run directly: from the start to the first answer.

Usage: python -m benchmarks.bench_start [--json]

Both run uWSGI with the image's configuration on a port of their own, in turn, in a network namespace of
this process. `directly` is a chroot of a plain copy of the image's files, as root; `image` is the sandbox
that `scs-build run` makes on the image's layers, as the image's user, without capabilities, from its exec;
`command` is `scs-build run` itself, with the start of an interpreter and the supervision of the sandbox.
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.bench_build import IMAGE, graph_of, tools_of
from benchmarks.timing import SCS_BUILD, show
from scs_build.build.runnable import RunnableImage, runnable_images
from scs_build.cli.run import writable_paths
from scs_build.engines.sandbox import sandbox_argv
from scs_build.progress import Silent
from scs_build.stack.single import Wish, sandbox_of
from scs_build.store.store import Store

RUNS = 7
URL = "http://127.0.0.1:5000/v3"
KEYS = "/etc/keystone/fernet-keys"
LONGEST = 60.0
SETTINGS = {"UWSGI_WORKERS": "1"}
CONFIGURATION = "[database]\nconnection = sqlite://\n[token]\nprovider = fernet\n"


def answer(command: Sequence[str | Path], environment: dict[str, str], folder: Path) -> float:
    """Return the seconds from the start of a command until keystone answers; it is ended afterwards."""
    began = time.perf_counter()
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
    try:
        while not answers():
            late = time.perf_counter() - began > LONGEST
            assert process.poll() is None and not late, (folder / "log").read_text()
            time.sleep(0.01)
        return time.perf_counter() - began
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)
        while answers():
            time.sleep(0.01)


def answers() -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(URL, timeout=30) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


@contextmanager
def plain_copy(image: RunnableImage, folder: Path) -> Iterator[Path]:
    """Lend a directory with all files of an image, with /dev, /proc and a /tmp, ready for chroot."""
    root = folder / "root"
    for layer in image.layers:
        subprocess.run(["cp", "-a", f"{layer}/.", root], check=True)
    for name in ("dev", "proc", "tmp"):
        (root / name).mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
    subprocess.run(["mount", "--bind", "/dev", root / "dev"], check=True)
    subprocess.run(["mount", "-t", "proc", "proc", root / "proc"], check=True)
    try:
        yield root
    finally:
        subprocess.run(["umount", root / "dev", root / "proc"], check=True)


def measure(store: Store) -> dict[str, float]:
    graph = graph_of()
    image = runnable_images(graph, store, [IMAGE], os.cpu_count() or 1, Silent())[IMAGE]
    with store.scratch("start") as folder:
        configuration = folder / "keystone.conf"
        configuration.write_text(CONFIGURATION)
        keys = folder / "keys"
        keys.mkdir()
        (keys / "0").write_bytes(base64.urlsafe_b64encode(os.urandom(32)))
        (keys / "0").chmod(0o444)
        variables = [f"--env={name}={value}" for name, value in SETTINGS.items()]
        mounts = {configuration: "/etc/keystone/keystone.conf", keys: KEYS}
        volumes = [f"--volume={place}:{path}:ro" for place, path in mounts.items()]
        command = [*SCS_BUILD, "run", IMAGE, "--network", "host", *volumes, *variables]
        wish = Wish(volumes={path: (place, True) for place, path in mounts.items()}, network="shared")
        writable = writable_paths(graph.catalogue.component(IMAGE))
        sandbox = sandbox_argv(tools_of(graph, store), sandbox_of(image, wish, writable))
        with plain_copy(image, folder) as root:
            shutil.copyfile(configuration, root / mounts[configuration].lstrip("/"))
            shutil.copytree(keys, root / KEYS.lstrip("/"), dirs_exist_ok=True)
            inside = {**image.environment, **SETTINGS}
            runs: list[tuple[Sequence[str | Path], dict[str, str]]] = [
                (["chroot", root, *image.command], inside),
                (sandbox, inside),
                (command, dict(os.environ)),
            ]
            # The first round fills the page cache.
            rounds = [[answer(*run, folder) for run in runs] for _ in range(RUNS + 1)][1:]
    direct, sandboxed, commanded = (statistics.median(column) for column in zip(*rounds, strict=True))
    return {
        "directly_seconds": direct,
        "image_seconds": sandboxed,
        "command_seconds": commanded,
        "start_ratio (limit 1)": sandboxed / direct,
        "command_ratio": commanded / direct,
    }


def main() -> None:
    if os.environ.get("IN_NAMESPACE") != "1":
        own = [sys.executable, "-m", "benchmarks.bench_start", *sys.argv[1:]]
        inside = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh", "env", "IN_NAMESPACE=1", *own]
        os.execvp("unshare", ["unshare", "--net", "--mount", *inside])
    show("keystone's first answer", measure(Store.default()))


if __name__ == "__main__":
    main()
