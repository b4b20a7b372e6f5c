"""Smoke tests at a Docker daemon: what evidence says of them, what stays there, and what disturbs them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from docker import APIClient

from scs_build.build.build import BuildResult
from scs_build.engines.lease import LENT, OWNER
from scs_build.engines.tools import ToolsTree
from scs_build.errors import EngineError
from scs_build.evidence.restricted import Ran, Restricted
from scs_build.evidence.subject import Subject
from scs_build.stack.restricted_docker import DockerRunner
from scs_build.store.store import Store
from tests.integration.build import parts
from tests.integration.conftest import PLATFORM, ROOT, graph_of
from tests.integration.daemon import Daemon, wait_until

# Root with all its rights but the one to mount: where many containers are.
WITHOUT_MOUNTS = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
SLEEP = Restricted(("/usr/bin/python3", "-c", "import time; print('up', flush=True); time.sleep(600)"))
TRUE = Restricted(("/usr/bin/python3", "-c", "pass"))


@pytest.fixture(scope="module")
def docker_daemon() -> Iterator[Daemon]:
    """A daemon of its own: all that is there was left by what is tested here."""
    daemon = Daemon("check", [])
    try:
        yield daemon
    finally:
        daemon.stop()


@pytest.fixture
def api(at_docker_daemon: Daemon) -> Iterator[APIClient]:
    with closing(APIClient(at_docker_daemon.url)) as client:
        yield client


@pytest.fixture
def make_runner(at_docker_daemon: Daemon, store: Store, tools: ToolsTree) -> Callable[[], DockerRunner]:
    return lambda: DockerRunner(PLATFORM, store, lambda: tools)


@pytest.fixture(scope="module")
def python(store: Store, built: BuildResult) -> Subject:
    return Subject.of(graph_of(), store, "python", 2)


def left(api: APIClient) -> dict[str, list[str]]:
    """Return all that is at the daemon, whoever made it."""
    return {
        "containers": [c["Id"] for c in api.containers(all=True)],
        "volumes": [v["Name"] for v in api.volumes()["Volumes"] or []],
        "networks": [n["Name"] for n in api.networks() if n["Name"] not in ("host", "none")],
        "images": [image["Id"] for image in api.images(all=True)],
    }


NOTHING: dict[str, list[str]] = {"containers": [], "volumes": [], "networks": [], "images": []}


def running(api: APIClient) -> list[str]:
    return [c["Id"] for c in api.containers(filters={"label": OWNER})]


def check(store: Store, out: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return parts.call(store, "check", "memcached", "--offline", "--json", "-o", str(out), *args)


def smoke_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    (found,) = (v for v in json.loads(done.stdout)["verdicts"] if v["check"] == "smoke")
    return dict(found)


def runner_in(store: Store, verdict: dict[str, Any]) -> str:
    statement = json.loads(store.read_bytes(verdict["statement"]))
    return str(statement["predicate"]["configuration"][0]["annotations"]["runner"])


def test_evidence_says_which_engine_ran_the_image_and_each_is_remembered_by_itself(
    api: APIClient, store: Store, built: BuildResult, tmp_path: Path
) -> None:
    assert parts.call(store, "manifest", "--offline", "-o", str(tmp_path)).returncode == 0
    found = {}
    for engine in ("docker", "native"):
        smoke_of(check(store, tmp_path, "--engine", engine))
        found[engine] = smoke_of(check(store, tmp_path, "--engine", engine))
    assert {engine: runner_in(store, verdict) for engine, verdict in found.items()} == {
        "docker": "docker", "native": "native",
    }  # fmt: skip
    assert [verdict["seconds"] for verdict in found.values()] == [0, 0]
    assert left(api) == NOTHING


def test_where_nothing_may_be_mounted_the_daemon_runs_images_unasked(
    api: APIClient, store: Store, built: BuildResult, tmp_path: Path
) -> None:
    argv = parts.argv(
        store, "check", "memcached", "--only", "smoke", "--offline", "--json", "-o", str(tmp_path)
    )
    done = subprocess.run([*WITHOUT_MOUNTS, *argv], cwd=ROOT, capture_output=True, text=True)
    assert runner_in(store, smoke_of(done)) == "docker"
    assert left(api) == NOTHING


def test_nothing_is_left_however_it_ends(
    api: APIClient, make_runner: Callable[[], DockerRunner], python: Subject, store: Store
) -> None:
    memcached = Subject.of(graph_of(), store, "memcached")
    service = memcached.component.recipe.services["memcached"]
    assert service.health is not None
    with closing(make_runner()) as runner:
        assert runner.run(python, TRUE) == Ran("")
        assert runner.run(python, Restricted(SLEEP.command, timeout=1)).problem == "did not end within 1 s"
        asked = Restricted(service.command, ("/var/cache/x",), timeout=20)
        assert runner.serve(memcached, asked, service.health, 11211).problem == ""
        assert runner.serve(memcached, Restricted(service.command, timeout=1), service.health, 1).problem
        names = {name for image in api.images(name=LENT) for name in image["RepoTags"]}
        assert len(names) == 2
    assert left(api) == NOTHING


def test_an_image_that_somebody_put_there_stays(
    api: APIClient, make_runner: Callable[[], DockerRunner], python: Subject, store: Store, tmp_path: Path
) -> None:
    assert parts.call(store, "manifest", "--offline", "-o", str(tmp_path)).returncode == 0
    parts.call(store, "build", "python", "--offline", "-o", str(tmp_path))
    loaded = parts.call(store, "load", "python", "-o", str(tmp_path))
    assert loaded.returncode == 0, loaded.stderr
    with closing(make_runner()) as runner:
        runner.run(python, TRUE)
    (image,) = api.images()
    assert image["RepoTags"] == ["python:2026.1"]
    api.remove_image("python:2026.1")
    assert left(api) == NOTHING


CHILD = """
from tests.integration.conftest import graph_of
from tests.integration.evidence.test_docker import DockerRunner, SLEEP, Store, Subject, ToolsTree
import sys
from pathlib import Path
store = Store.default()
runner = DockerRunner("linux/amd64", store, lambda: ToolsTree(Path(sys.argv[1])))
runner.run(Subject.of(graph_of(), store, "python", 2), SLEEP)
"""


def test_what_a_killed_process_left_is_removed_by_the_next(
    api: APIClient, make_runner: Callable[[], DockerRunner], python: Subject, tools: ToolsTree, store: Store
) -> None:
    argv = [sys.executable, "-c", CHILD, str(tools.path)]
    with subprocess.Popen(argv, cwd=ROOT) as child:
        wait_until(lambda: bool(running(api)))
        with closing(make_runner()) as runner:
            runner.run(python, TRUE)
        assert len(running(api)) == 1  # it belongs to a process that lives, and so does the image
        child.send_signal(signal.SIGKILL)
    assert {what: len(found) for what, found in left(api).items()} == {
        "containers": 2, "volumes": 1, "networks": 0, "images": 1,
    }  # fmt: skip
    with closing(make_runner()) as runner:
        runner.run(python, TRUE)
    assert left(api) == NOTHING


@pytest.mark.parametrize("hurt", ["kill the daemon", "remove the container"])
def test_what_is_disturbed_says_nothing_about_the_image_and_the_next_run_works(
    hurt: str, docker_daemon: Daemon, api: APIClient, make_runner: Callable[[], DockerRunner], python: Subject
) -> None:
    with closing(make_runner()) as runner, ThreadPoolExecutor(1) as pool:
        disturbed = pool.submit(runner.run, python, SLEEP)
        wait_until(lambda: bool(running(api)))
        time.sleep(0.5)
        if hurt == "kill the daemon":
            docker_daemon.kill()
        else:
            api.remove_container(running(api)[0], force=True)
        error = disturbed.exception(timeout=60)
    assert isinstance(error, EngineError)
    assert error.exit_code == 45
    if hurt == "kill the daemon":
        docker_daemon.start()
        # They belong to this process, which lives: only the next one would remove them.
        for container in running(api):
            api.remove_container(container, force=True)
    with closing(make_runner()) as runner:
        assert runner.run(python, TRUE) == Ran("")


def test_without_a_daemon_the_other_checks_are_made_and_the_image_is_not_blamed(
    store: Store, built: BuildResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert parts.call(store, "manifest", "--offline", "-o", str(tmp_path)).returncode == 0
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/socket")
    done = check(store, tmp_path, "--engine", "docker", "--series", "2025.1")
    assert done.returncode == 45, done.stderr
    answer = json.loads(done.stdout)
    assert {v["check"] for v in answer["verdicts"]} == {"attribution", "sbom", "licences", "hardening"}
    assert [(f["image"], f["check"]) for f in answer["failures"]] == [("memcached", "smoke")]
    assert "no Docker daemon answers" in done.stderr
