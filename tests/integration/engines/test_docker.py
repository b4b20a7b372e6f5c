"""What only the Docker engine does: elsewhere, through a connection that can break, at a daemon of others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from docker import APIClient

from scs_build.engines import stepimages
from scs_build.engines.docker import DockerEngine
from scs_build.engines.lease import OWNER
from scs_build.engines.spec import StepSpec
from scs_build.engines.tools import ToolsTree
from scs_build.errors import DiskFullError, EngineError, ScsBuildError
from scs_build.run import run
from scs_build.store.store import Store
from tests.integration.conftest import PLATFORM, ROOT
from tests.integration.daemon import Daemon, free_port, wait_until

Hurt = Callable[[Daemon, str], None]


def spec_of(base: Path, script: str, **options: object) -> StepSpec:
    return StepSpec(name="step", argv=("/bin/sh", "-c", script), layers=(base,), **options)  # type: ignore[arg-type]


def run_step(base: Path, folder: Path, script: str, **options: object) -> Path:
    """Run a script as a step of a new engine; return what it left."""
    into = Path(tempfile.mkdtemp(dir=folder)) / "into"
    into.mkdir()
    DockerEngine(PLATFORM).run(spec_of(base, script, **options), into, into.with_name("log"))
    return into


@pytest.fixture
def api(at_daemon: Daemon) -> Iterator[APIClient]:
    client = APIClient(at_daemon.url)
    yield client
    client.close()


def left(api: APIClient) -> tuple[list[str], list[str]]:
    """Return the containers and volumes that steps left at the daemon."""
    containers = api.containers(all=True, filters={"label": OWNER})
    volumes = api.volumes(filters={"label": OWNER})["Volumes"] or []
    return [c["Id"] for c in containers], [v["Name"] for v in volumes]


def steps_of(api: APIClient) -> list[str]:
    return [c["Id"] for c in api.containers(filters={"label": OWNER})]


def test_a_daemon_elsewhere_is_used_with_its_certificates(
    base: Path, tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over TCP, each side proving who it is; the daemon cannot see one file of ours."""
    certificates, port = make_certificates(tmp_path / "certificates"), free_port()
    options = [f"--host=tcp://127.0.0.1:{port}", "--tlsverify", *(
        f"--tls{what}={certificates}/{file}"
        for what, file in (("cacert", "ca.pem"), ("cert", "server.pem"), ("key", "server-key.pem"))
    )]  # fmt: skip
    (tmp_path / "source").mkdir()
    (tmp_path / "source/file").write_text("sent\n")
    daemon = Daemon("tls", [store.root.parent], options)
    try:
        monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
        with pytest.raises(EngineError, match="no Docker daemon answers"):
            run_step(base, tmp_path, "true")
        monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
        monkeypatch.setenv("DOCKER_CERT_PATH", str(certificates))
        into = run_step(
            base, tmp_path, "seq 200000; cat /in/file > /new", inputs={"/in": tmp_path / "source"}
        )
        assert (into / "new").read_text() == "sent\n"
        assert into.with_name("log").read_text().split() == [str(n) for n in range(1, 200001)]
    finally:
        daemon.stop()


def make_certificates(folder: Path) -> Path:
    """Make an authority, and certificates of a server and a client, named as the docker command does."""
    folder.mkdir()
    openssl = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    authority = ["-keyout", folder / "ca-key.pem", "-out", folder / "ca.pem"]
    run([*openssl, "-subj", "/CN=authority", *authority])
    for prefix in ("server-", ""):
        names = ["-keyout", folder / f"{prefix}key.pem", "-out", folder / (f"{prefix}cert.pem")]
        signed = ["-CA", folder / "ca.pem", "-CAkey", folder / "ca-key.pem"]
        run([*openssl, "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", *signed, *names])
    (folder / "server-cert.pem").rename(folder / "server.pem")
    return folder


def test_trees_are_sent_once(
    api: APIClient, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_step(base, tmp_path, "true")
    monkeypatch.setattr(APIClient, "load_image", None)
    run_step(base, tmp_path, "true")


def test_an_image_that_somebody_removed_is_sent_again(api: APIClient, base: Path, tmp_path: Path) -> None:
    for _ in range(2):
        run_step(base, tmp_path, "true")
        for image in api.images(name=stepimages.REPOSITORY):
            api.remove_image(image["Id"], force=True)


def test_images_go_when_nobody_used_them_for_long(
    api: APIClient, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_step(base, tmp_path, "true")
    images = stepimages.StepImages(api, PLATFORM, lambda: None)
    images.remove_unused()
    assert api.images(name=stepimages.REPOSITORY)
    monkeypatch.setattr(stepimages, "is_old", bool)
    images.remove_unused()
    assert not api.images(name=stepimages.REPOSITORY)


def test_nothing_is_left_of_steps_however_they_end(api: APIClient, base: Path, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    for script in ("true", "exit 3", "sleep 60"):
        try:
            run_step(base, tmp_path, script, inputs={"/in": tmp_path / "source"}, timeout=1)
        except ScsBuildError:
            continue
    assert left(api) == ([], [])


CHILD = """
import sys
from pathlib import Path
from scs_build.engines.docker import DockerEngine
from scs_build.engines.spec import StepSpec
base, folder = map(Path, sys.argv[1:])
(folder / "into").mkdir()
(folder / "source").mkdir()
spec = StepSpec(name="killed", argv=("/bin/sleep", "600"), layers=(base,), inputs={"/in": folder / "source"})
DockerEngine("linux/amd64").run(spec, folder / "into", folder / "log")
"""


def test_what_a_killed_process_left_is_removed_by_the_next(
    api: APIClient, base: Path, tmp_path: Path
) -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD, base, tmp_path]) as child:
        wait_until(lambda: bool(steps_of(api)))
        run_step(base, tmp_path, "true")
        assert steps_of(api)  # it belongs to a process that lives
        child.send_signal(signal.SIGKILL)
    assert [len(what) for what in left(api)] == [2, 1]
    run_step(base, tmp_path, "true")
    assert left(api) == ([], [])


def kill_daemon(daemon: Daemon, container: str) -> None:
    daemon.kill()


def remove_container(daemon: Daemon, container: str) -> None:
    client = APIClient(daemon.url)
    client.remove_container(container, force=True)
    client.close()


@pytest.mark.parametrize("hurt", [kill_daemon, remove_container])
def test_a_step_that_is_disturbed_is_no_fault_of_its_own_and_the_next_run_goes_on(
    hurt: Hurt, at_daemon: Daemon, api: APIClient, base: Path, tmp_path: Path
) -> None:
    pool = ThreadPoolExecutor()
    running = pool.submit(run_step, base, tmp_path, "echo started; exec sleep 600")
    wait_until(lambda: bool(steps_of(api)))
    wait_until(lambda: any("started" in log.read_text() for log in tmp_path.glob("*/log")))
    hurt(at_daemon, steps_of(api)[0])
    error = running.exception(timeout=30)
    assert isinstance(error, EngineError)
    assert error.exit_code == 45
    assert error.solution
    assert list(tmp_path.glob("*/into/*")) == []
    if hurt is kill_daemon:
        at_daemon.start()
    assert (run_step(base, tmp_path, "echo 1 > /new") / "new").read_text() == "1\n"


def test_a_full_disk_of_the_daemon_is_told_as_such(
    base: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = Daemon("full", [store.root.parent], room="250M")
    try:
        monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
        monkeypatch.setenv("DOCKER_HOST", daemon.url)
        assert (run_step(base, tmp_path, "echo 1 > /new") / "new").exists()
        with pytest.raises(DiskFullError, match="disk of the daemon"):
            run_step(base, tmp_path, "head -c 500M /dev/zero > /full")
        with pytest.raises(DiskFullError, match="disk of the Docker daemon is full"):
            (tmp_path / "big").mkdir()
            (tmp_path / "big/file").write_bytes(os.urandom(200 << 20))
            run_step(base, tmp_path, "true", inputs={"/in": tmp_path / "big"})
    finally:
        daemon.stop()


def test_who_may_not_use_the_daemon_is_told_how_to_mend_that(at_daemon: Daemon) -> None:
    code = "from scs_build.engines.daemon import connect; connect('linux/amd64')"
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", code]
    at_daemon.folder.chmod(0o755)
    done = subprocess.run(nobody, capture_output=True, text=True)
    assert "EngineError: you may not use the Docker daemon" in done.stderr
    assert "usermod -aG docker" in done.stderr


def test_doctor_tries_a_step(at_daemon: Daemon, tools: ToolsTree, tmp_path: Path) -> None:
    assert DockerEngine(PLATFORM).check(tmp_path, tools) == []


def test_doctor_tells_why_steps_cannot_run(
    tools: ToolsTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    (problem,) = DockerEngine(PLATFORM).check(tmp_path, tools)
    assert "no Docker daemon answers" in problem


IN_NAMESPACE = """
import sys
from pathlib import Path
from scs_build.engines.docker import DockerEngine
from scs_build.engines.spec import StepSpec
from scs_build.oci.tree import index, removals
base, into = map(Path, sys.argv[1:])
into.mkdir()
script = "chown 42424:42424 /usr/bin/env; printf x > /new; chmod 4711 /new; rm /etc/debian_version"
spec = StepSpec(name="step", argv=("/bin/sh", "-ec", script), layers=(base,))
DockerEngine("linux/amd64").run(spec, into, into.with_name("log"))
print({path: (m.type, m.mode, m.uid, m.gid) for path, m in index(into).items()}, removals(into))
"""


def test_root_of_a_user_namespace_is_root_enough(at_daemon: Daemon, base: Path, tmp_path: Path) -> None:
    """So a user of the daemon needs no more than numbers of users of their own (/etc/subuid)."""
    start = ["unshare", "--user", "sh", "-c", 'read go; exec "$@"', "sh"]
    argv = [*start, sys.executable, "-c", IN_NAMESPACE, base, tmp_path / "into"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(argv, cwd=ROOT, **pipes) as process:  # type: ignore[call-overload]
        ours = Path("/proc/self/ns/user").readlink()
        wait_until(lambda: Path(f"/proc/{process.pid}/ns/user").readlink() != ours)
        for kind in ("uid", "gid"):
            Path(f"/proc/{process.pid}/{kind}_map").write_text("0 0 65536\n")
        said, errors = process.communicate("go\n")
    assert process.returncode == 0, errors
    changed = {
        "etc": ("dir", 0o755, 0, 0),
        "new": ("file", 0o4711, 0, 0),
        "usr": ("dir", 0o755, 0, 0),
        "usr/bin": ("dir", 0o755, 0, 0),
        "usr/bin/env": ("file", 0o755, 42424, 42424),
    }
    assert said.strip() == f"{changed} ['etc/debian_version']"
