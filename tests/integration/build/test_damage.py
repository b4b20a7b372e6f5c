"""Broken and full disks: what is damaged never becomes part of an image."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scs_build.build.build import BuildResult
from scs_build.inputs.artefact import Artefact
from scs_build.store.store import Store
from scs_build.store.verify import verify
from tests.integration.build import parts
from tests.integration.build.test_build import digests, layers
from tests.integration.conftest import graph_of


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        pass


@contextmanager
def mirror(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def tzdata() -> Artefact:
    return next(a for a in graph_of().install("debian").artefacts if a.name == "tzdata")


@pytest.fixture
def grounded(store: Store, built: BuildResult, fresh: Store) -> Store:
    """A store in which the packages of all images are still to be installed."""
    return parts.copied(store, fresh, parts.steps_of(graph_of()).values(), parts.GROUND)


@pytest.fixture
def whole(store: Store, built: BuildResult, fresh: Store) -> Store:
    """A store in which the quick images are built."""
    steps = parts.steps_of(graph_of())
    return parts.copied(store, fresh, steps.values(), steps)


def test_a_damaged_package_counts_as_missing(grounded: Store, tzdata: Artefact, tmp_path: Path) -> None:
    parts.damage(grounded.blob(tzdata.sha256))
    done = parts.build(grounded, tmp_path, "debian")
    assert done.returncode == 47
    assert "artefacts not in the store: 1 (" in done.stderr
    assert f"tzdata {tzdata.version}" in done.stderr


def test_a_damaged_package_is_fetched_again(
    grounded: Store, store: Store, built: BuildResult, tzdata: Artefact, tmp_path: Path
) -> None:
    path = tmp_path / "mirror" / tzdata.data["path"]
    path.parent.mkdir(parents=True)
    path.write_bytes(store.blob(tzdata.sha256).read_bytes())
    parts.damage(grounded.blob(tzdata.sha256))
    with mirror(tmp_path / "mirror") as url:
        site = tmp_path / "site.yaml"
        site.write_text(f"debian: ['{url}']\ndebian_security: ['{url}']\n")
        args = ("build", "debian", "--json", "-o", str(tmp_path / "out"), "--site", str(site))
        done = parts.call(grounded, *args)
    assert parts.digests(done) == {"debian": digests(built)["debian"]}


def test_a_damaged_layer_is_not_published_and_repair_mends_it(
    whole: Store, built: BuildResult, tmp_path: Path
) -> None:
    layer = layers(built, "memcached")[1]
    parts.damage(whole.blob(layer))
    done = parts.build(whole, tmp_path / "one", "memcached")
    assert done.returncode == 43
    assert layer.removeprefix("sha256:") in done.stderr
    assert "scs-build store verify --repair" in done.stderr
    assert parts.call(whole, "store", "verify", "--repair").returncode == 0
    done = parts.build(whole, tmp_path / "two", "memcached")
    assert parts.digests(done) == {"memcached": digests(built)["memcached"]}


def test_a_lost_tree_is_made_again_when_it_is_needed(
    whole: Store, built: BuildResult, checkout: Path, tmp_path: Path
) -> None:
    whole.temporary.bury(whole.tree_path(graph_of().install("debian").key))
    for name in ("packages:memcached", "image:memcached"):
        whole.record_path(parts.steps_of(graph_of())[name].key).unlink()
    done = parts.build(whole, tmp_path, "memcached")
    assert parts.digests(done) == {"memcached": digests(built)["memcached"]}
    assert "install debian ..." in done.stderr


def test_a_full_disk_is_told_at_every_size_and_the_build_goes_on_when_there_is_room(
    store: Store, built: BuildResult, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = partial(subprocess.run, check=True)
    mount(["mount", "-t", "tmpfs", "-o", "size=120m", "none", str(disk)])
    try:
        small = parts.copied(
            store, Store(disk / "store"), parts.steps_of(graph_of(), ["debian"]).values(), ()
        )
        ends = []
        for size in ("120m", "180m", "240m", "300m", "360m", "420m", "1g"):
            mount(["mount", "-o", f"remount,size={size}", str(disk)])
            done = parts.build(small, tmp_path / "out", "debian")
            ends.append(done.returncode)
            if done.returncode == 0:
                break
            assert done.returncode == 44, done.stderr
            assert "hint:" in done.stderr
            assert verify(small) == []
            assert list((small.root / "tmp").iterdir()) == []
        assert ends[0] == 44
        assert parts.digests(done) == {"debian": digests(built)["debian"]}
    finally:
        mount(["umount", str(disk)])
