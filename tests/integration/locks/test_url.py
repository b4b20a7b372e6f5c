"""Locking files from URLs: real servers, what they do wrong, and where the site says that files lie."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scs_build.errors import FetchError, RecipeError
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.locking import Context, Request
from scs_build.inputs.upstream import UpstreamLocker
from scs_build.locks.depot import StoreDepot
from scs_build.recipes.component import Component
from scs_build.recipes.loader import parse
from scs_build.recipes.models import Recipe
from scs_build.recipes.site import Site
from scs_build.store.store import Store
from tests.integration.locks.conftest import SERIES, Said
from tests.integration.store.server import CONTENT, Mirror, serve

UPSTREAM = "https://files.example.org"
Lock = Callable[..., Artefact]


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with serve() as mirror:
        yield mirror


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def lock(tmp_path: Path, said: Said, store: Store) -> Lock:
    def run(*places: str, more: str = "", **fields: object) -> Artefact:
        site = Site(rewrite={UPSTREAM: places})
        depot = StoreDepot(store, site, said, timeout=2)
        context = Context(SERIES, tmp_path, "linux/amd64", site, tmp_path, said, depot, timeout=2)
        (line,) = UpstreamLocker(context).lock(request(more, **fields))
        return line

    return run


def request(more: str = ", unpack: false", **fields: object) -> Request:
    item = f"type: url, name: a, url: '{UPSTREAM}/a-{{version}}.tar', version: one, path: /usr/share/a{more}"
    text = f"format: 1\nkind: container\ndescription: An image for tests\ninputs:\n  - {{{item}}}\n".encode()
    recipe = parse(text, Recipe, "recipe.yaml")
    return Request(Component("image", "bases", Path(), recipe, text), **fields)  # type: ignore[arg-type]


def tar(path: Path, *members: tarfile.TarInfo) -> str:
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return f"file://{path.parent}"


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_a_file_is_locked_by_what_is_there_and_lies_in_the_store(
    lock: Lock, mirror: Mirror, store: Store
) -> None:
    line = lock(f"{mirror.url}/good", more=", unpack: false, mode: '0755'")
    assert (line.version, line.sha256, line.size) == (
        "one",
        hashlib.sha256(CONTENT).hexdigest(),
        len(CONTENT),
    )
    assert line.data == {
        "url": f"{UPSTREAM}/a-one.tar", "path": "/usr/share/a", "unpack": False, "mode": "0755"
    }  # fmt: skip
    assert store.blob(line.sha256).read_bytes() == CONTENT


def test_a_lock_that_fits_is_not_fetched_again_and_passes_its_check(lock: Lock, mirror: Mirror) -> None:
    line = lock(f"{mirror.url}/good", more=", unpack: false")
    before = sum(mirror.requests.values())
    assert lock(f"{mirror.url}/good", more=", unpack: false", locked=(line,)) == line
    assert sum(mirror.requests.values()) == before


@pytest.mark.parametrize("trouble", ["busy", "missing", "stall", "refused"])
def test_the_next_place_is_taken_when_one_is_down(
    lock: Lock, mirror: Mirror, said: Said, trouble: str
) -> None:
    down = "http://127.0.0.1:9/x" if trouble == "refused" else f"{mirror.url}/{trouble}"
    line = lock(down, f"{mirror.url}/good", more=", unpack: false")
    assert line.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert [text for text in said.lines if text.startswith(f"a did not come from {down}/a-one.tar: ")]


def test_a_source_that_breaks_off_is_tried_again(lock: Lock, mirror: Mirror) -> None:
    line = lock(f"{mirror.url}/cut-once", more=", unpack: false")
    assert line.sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_no_place_that_delivers_is_no_fault_of_the_recipe(lock: Lock, mirror: Mirror) -> None:
    with pytest.raises(FetchError, match="status 404") as error:
        lock(f"{mirror.url}/missing", more=", unpack: false")
    assert "site file" in str(error.value.solution)


def test_what_is_no_archive_is_told_at_the_recipes_line(lock: Lock, mirror: Mirror) -> None:
    with pytest.raises(RecipeError, match="is not an archive that can be unpacked") as error:
        lock(f"{mirror.url}/good")
    assert str(error.value.where) == "images/bases/image/recipe.yaml:5:5"
    assert "unpack: false" in str(error.value.solution)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (member("d/link", tarfile.SYMTYPE, "../../etc"), "leads out of the tree"),
        (member("d/link", tarfile.SYMTYPE, "/etc/passwd"), "leads out of the tree"),
        (member("../evil"), "leads out of the archive"),
        (member("hard", tarfile.LNKTYPE, "../evil"), "leads out of the archive"),
        (member("null", tarfile.CHRTYPE), "is a char, which no image takes"),
    ],
)
def test_an_archive_that_no_image_takes_is_refused_when_it_is_locked(
    lock: Lock, tmp_path: Path, wrong: tarfile.TarInfo, words: str
) -> None:
    with pytest.raises(RecipeError, match=words):
        lock(tar(tmp_path / "a-one.tar", member("x"), wrong))


def test_an_upgrade_takes_what_is_there_now(lock: Lock, tmp_path: Path) -> None:
    (tmp_path / "a-one.tar").write_bytes(b"one")
    line = lock(f"file://{tmp_path}", more=", unpack: false")
    (tmp_path / "a-one.tar").write_bytes(b"two")
    again = lock(f"file://{tmp_path}", more=", unpack: false", locked=(line,), upgrade=True)
    assert again.sha256 == hashlib.sha256(b"two").hexdigest()
