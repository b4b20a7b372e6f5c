"""Images do not depend on the engine; which one runs the steps is chosen by what works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scs_build.build.build import BuildResult
from scs_build.store.store import Store
from tests.canary import known
from tests.integration.build import parts
from tests.integration.conftest import ROOT, graph_of
from tests.integration.daemon import Daemon

# Root with all its rights but the one to mount: where many containers are.
WITHOUT_MOUNTS = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
LAST = "system:memcached"


@pytest.fixture
def partly(store: Store, built: BuildResult) -> Iterator[Callable[..., Store]]:
    """What makes a store with the artefacts of the quick images and the results of some of their steps."""
    other = Store(store.root.parent / f"{store.root.name}-engines-{os.getpid()}")
    steps = parts.steps_of(graph_of())
    yield lambda *but: parts.copied(store, other, steps.values(), [] if not but else steps.keys() - set(but))
    shutil.rmtree(other.root)


def native(built: BuildResult, *names: str) -> dict[str, str]:
    return {image.name: image.digest for image in built.images if image.name in names}


def build(
    store: Store, out: Path, *options: str, prefix: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    argv = parts.argv(store, "build", *parts.QUICK, "--offline", "--json", "-o", str(out), *options)
    return subprocess.run([*prefix, *argv], cwd=ROOT, capture_output=True, text=True)


def test_docker_makes_the_images_that_the_native_engine_makes(
    partly: Callable[..., Store], built: BuildResult, at_daemon: Daemon, tmp_path: Path
) -> None:
    """From nothing but the artefacts, at a daemon that sees no file of ours: every step, not only images."""
    made = partly()
    done = build(made, tmp_path, "--engine", "docker")
    assert parts.digests(done) == native(built, *parts.QUICK)
    before, now = known.known(), known.found(made, parts.steps_of(graph_of()).values())
    assert {"scaffold", "install:debian", "install:memcached", "system:memcached"} <= now.keys()
    assert now == {name: before[name] for name in now}


def test_where_the_native_engine_cannot_run_docker_does(
    partly: Callable[..., Store], built: BuildResult, at_daemon: Daemon, tmp_path: Path
) -> None:
    done = build(partly(LAST, "image:memcached"), tmp_path, prefix=WITHOUT_MOUNTS)
    assert parts.digests(done) == native(built, *parts.QUICK)
    assert "the native engine cannot run here, Docker 20." in done.stderr


def test_without_any_engine_the_error_names_both(
    partly: Callable[..., Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    done = build(partly(LAST, "image:memcached"), tmp_path, prefix=WITHOUT_MOUNTS)
    assert done.returncode == 45
    assert re.search("native: check .*Operation not permitted", done.stderr)
    assert "docker: no Docker daemon answers at tcp://127.0.0.1:1" in done.stderr
