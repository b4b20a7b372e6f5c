"""Resolving goes on to the next mirror when one is down, and says so: real servers, real apt, real uv."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scs_build.errors import FetchError, ResolutionError
from scs_build.locks.lock import lock_images
from scs_build.recipes.catalogue import Catalogue
from scs_build.recipes.site import Site
from scs_build.store.store import Store
from tests.integration.locks.archive import Archive, checkout
from tests.integration.locks.conftest import MakeLocker, Said, request, versions
from tests.integration.locks.index import Index, serving

# Nobody listens at the discard port. Another address than that of the others: apt remembers failed ones.
NOBODY = "http://127.0.0.2:9"
DOWN = ["refused", "503", "silent"]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def down(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a mirror that is down in the way that the test names."""
    if request.param == "refused":
        yield f"{NOBODY}/mirror"
        return
    with serving() as server:
        server.status, server.silent = (503 if request.param == "503" else 0), request.param == "silent"
        yield server.url


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    archive = Archive(tmp_path)
    archive.put("dpkg", "1.22", Essential="yes")
    archive.put("apt", "3.0")
    archive.publish()
    yield archive
    archive.stop()


@pytest.fixture
def good(archive: Archive) -> Iterator[str]:
    """A mirror of the archive over HTTP."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(archive.root)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def lock_scaffold(tmp_path: Path, archive: Archive, said: Said) -> Callable[..., list[tuple[str, str]]]:
    """Lock the scaffold of a checkout from these Debian mirrors; return what was added."""
    root = checkout(tmp_path / "checkout", archive)

    def run(*mirrors: str) -> list[tuple[str, str]]:
        (change,) = lock_images(
            Catalogue.load(root), "2026.1", ("scaffold",), "linux/amd64", Site(debian=mirrors),
            store=Store(tmp_path / "store"), work=tmp_path / "work", progress=said, timeout=2,
        )  # fmt: skip
        return change.added

    return run


apt = pytest.mark.skipif(not (shutil.which("apt-get") and shutil.which("gpg")), reason="needs apt and gpg")


@apt
@pytest.mark.parametrize("down", DOWN, indirect=True)
def test_apt_takes_the_next_mirror(
    down: str, good: str, lock_scaffold: Callable[..., list[tuple[str, str]]], said: Said
) -> None:
    assert lock_scaffold(down, good) == [("deb:apt", "3.0"), ("deb:dpkg", "1.22")]
    assert said.lines == [f"the Debian mirror {down} did not deliver: apt went on with the next one"]


@apt
def test_apt_says_nothing_when_the_first_mirror_is_up(
    good: str, lock_scaffold: Callable[..., list[tuple[str, str]]], said: Said
) -> None:
    assert lock_scaffold(good, f"{NOBODY}/mirror")
    assert said.lines == []


@apt
def test_all_debian_mirrors_down_is_no_fault_of_the_recipe(
    lock_scaffold: Callable[..., list[tuple[str, str]]], tmp_path: Path
) -> None:
    with pytest.raises(FetchError, match="could not refresh"):
        lock_scaffold(f"{NOBODY}/one", f"{NOBODY}/two")


@apt
def test_a_mirror_with_an_altered_index_is_not_passed_over_in_silence(
    good: str, archive: Archive, lock_scaffold: Callable[..., list[tuple[str, str]]], tmp_path: Path
) -> None:
    """Whoever serves other bytes than were signed is no mirror that is down."""
    shutil.copytree(archive.root, tmp_path / "altered")
    index = tmp_path / "altered/dists/testing/InRelease"
    index.write_text(index.read_text().replace("Suite: testing", "Suite: unstable"))
    with pytest.raises(FetchError, match="could not refresh or verify"):
        lock_scaffold(f"file://{tmp_path}/altered", good)


@pytest.mark.parametrize("down", DOWN, indirect=True)
def test_uv_takes_the_next_index(down: str, index: Index, make_locker: MakeLocker, said: Said) -> None:
    index.wheel("library", "1.0")
    locker = make_locker(down, index.url, timeout=2)
    assert versions(locker.lock(request("library"))) == {"wheel:library": "1.0"}
    (line,) = said.lines
    assert line.startswith(f"the Python index {down} is left out: ")
    assert line.endswith(f"; now {index.url}")


@pytest.mark.parametrize("down", DOWN, indirect=True)
def test_so_does_the_choice_of_an_sdist(down: str, index: Index, make_locker: MakeLocker, said: Said) -> None:
    index.sdist("source", "1.0")
    locker = make_locker(down, index.url, timeout=2)
    assert versions(locker.lock(request("source", compile=("source",)))) == {"sdist:source": "1.0"}
    assert [line.partition(" is left out")[0] for line in said.lines] == [f"the Python index {down}"]


def test_an_index_that_was_down_is_not_asked_again(index: Index, make_locker: MakeLocker) -> None:
    index.wheel("library", "1.0")
    index.wheel("other", "1.0")
    with serving() as busy:
        busy.status = 503
        locker = make_locker(busy.url, index.url)
        locker.lock(request("library"))
        before = len(busy.asked)
        locker.lock(request("other"))
        assert busy.asked[before:] == []


def test_an_index_without_the_project_is_a_mirror_that_answers(
    index: Index, make_locker: MakeLocker, said: Said
) -> None:
    """All indices of a site hold the same: nothing is taken from another because a name is missing."""
    index.wheel("library", "1.0")
    with serving() as other:
        other.wheel("service", "2.0")
        with pytest.raises(ResolutionError, match="library was not found"):
            make_locker(other.url, index.url).lock(request("library"))
    assert said.lines == []


def test_all_indices_down_is_no_fault_of_the_recipe(make_locker: MakeLocker, index: Index) -> None:
    with pytest.raises(FetchError, match="uv cannot reach an index"):
        make_locker(f"{NOBODY}/one", f"{NOBODY}/two").lock(request("library"))
