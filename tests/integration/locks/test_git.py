"""Locking and fetching git trees from real repositories."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scs_build.errors import FetchError, IntegrityError, RecipeError
from scs_build.inputs.artefact import Artefact, Member
from scs_build.inputs.kinds import INPUTS
from scs_build.inputs.locking import Context, Request
from scs_build.inputs.upstream import UpstreamLocker
from scs_build.locks.depot import StoreDepot
from scs_build.recipes.catalogue import Component
from scs_build.recipes.loader import parse
from scs_build.recipes.models import Recipe
from scs_build.recipes.site import Site
from scs_build.store.downloads import download_of
from scs_build.store.fetch import fetch
from scs_build.store.store import Store
from tests.integration.locks.conftest import SERIES, Said
from tests.integration.locks.index import Index
from tests.integration.locks.repository import Repository

UPSTREAM = "https://git.example.org/tree"
# The archive of the tree below, for ever: whatever git, its configuration and Python are.
COMMIT = "17cf5c1220df3fcb5a3ce9f2698bf276cc5487c3"
SHA256 = "04a37cfafeaf92eea2e9228f6c756e012bcf94ac2ad48a05873dcf599550a216"
Lock = Callable[..., Artefact]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "tree")
    repository.write("README", b"line\nline\r\n$Id$ $Format:%H$\n")
    repository.write("bin/run", b"#!/bin/sh\n", 0o755)
    repository.write("hidden/secret", b"not exported by git archive\n")
    repository.write(".gitattributes", b"README export-subst ident text eol=crlf\nhidden export-ignore\n")
    repository.write(f"long/{'n' * 120}/\N{GREEK SMALL LETTER ALPHA}.txt", b"")
    repository.link("lib/link", "../bin/run")
    repository.git("config", "core.autocrlf", "false")
    repository.commit("first")
    repository.git("tag", "--annotate", "1.0", "--message", "release")
    return repository


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def lock(tmp_path: Path, said: Said, store: Store) -> Lock:
    """Lock one input; the site says where upstream's repository really is."""

    def run(
        *places: str, version: str = "1.0", locked: tuple[Artefact, ...] = (), more: str = "", **options: bool
    ) -> Artefact:
        site = Site(rewrite={UPSTREAM: places or (f"file://{tmp_path}/tree",)})
        depot = StoreDepot(store, site, said, timeout=2)
        context = Context(SERIES, tmp_path, "linux/amd64", site, tmp_path, said, depot, timeout=2)
        (line,) = UpstreamLocker(context).lock(request(version, more, locked=locked, **options))
        return line

    return run


def request(version: str, more: str = "", **fields: object) -> Request:
    text = (
        "format: 1\nkind: container\ndescription: An image for tests\ninputs:\n"
        f'  - {{type: git, name: tree, url: {UPSTREAM}, version: "{version}", path: /usr/share/tree{more}}}\n'
    ).encode()
    recipe = parse(text, Recipe, "recipe.yaml")
    return Request(Component("image", "bases", Path(), recipe, text), **fields)  # type: ignore[arg-type]


def members(line: Artefact, store: Store) -> dict[str, Member]:
    return {member.path: member for member in INPUTS["git"].index(line, store.blob(line.sha256))}


def test_a_tag_is_locked_as_commit_and_content(lock: Lock, repository: Repository, store: Store) -> None:
    line = lock()
    assert (line.version, line.data["commit"], line.sha256) == ("1.0", COMMIT, SHA256)
    assert line.data["url"] == UPSTREAM
    found = members(line, store)
    assert {path: (m.type, m.mode, m.uid) for path, m in found.items() if not path.startswith("long")} == {
        ".gitattributes": ("file", 0o644, 0), "README": ("file", 0o644, 0), "bin/run": ("file", 0o755, 0),
        "hidden/secret": ("file", 0o644, 0), "lib/link": ("link", 0o777, 0),
    }  # fmt: skip
    assert found["lib/link"].link == "../bin/run"
    assert any(path.endswith("/\N{GREEK SMALL LETTER ALPHA}.txt") for path in found)


def test_the_users_configuration_has_no_say(
    lock: Lock, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        '[core]\nautocrlf = true\n[tar]\numask = 0077\n[url "x"]\ninsteadOf = file\n'
    )
    monkeypatch.setenv("HOME", str(home))
    assert lock().sha256 == SHA256


def test_the_archive_depends_on_the_tree_alone(lock: Lock, repository: Repository) -> None:
    commit = repository.commit("nothing new", GIT_COMMITTER_DATE="2027-02-03T04:05:06Z")
    line = lock(version="main")
    assert (line.data["commit"], line.sha256) == (commit, SHA256)
    assert lock(version=commit).sha256 == SHA256


def test_a_branch_stays_where_it_was_until_an_upgrade(lock: Lock, repository: Repository) -> None:
    line = lock(version="main")
    repository.write("more", b"more\n")
    moved = repository.commit()
    assert lock(version="main", locked=(line,)) == line
    assert lock(version="main", locked=(line,), upgrade=True).data["commit"] == moved


def test_a_commit_that_no_name_leads_to_directly_is_fetched(
    lock: Lock, repository: Repository, tmp_path: Path
) -> None:
    line = lock(version="main")
    repository.write("more", b"more\n")
    repository.commit()
    other = Store(tmp_path / "other")
    fetch(other, [download_of(line, Site(rewrite={UPSTREAM: (repository.url,)}))])
    assert other.blob(line.sha256).stat().st_size == line.size


def test_a_commit_that_is_gone_is_told_as_such(lock: Lock, repository: Repository, tmp_path: Path) -> None:
    repository.write("more", b"more\n")
    repository.commit()
    line = lock(version="main")
    repository.git("reset", "--quiet", "--hard", "1.0")
    repository.git("reflog", "expire", "--expire=now", "--all")
    repository.git("gc", "--quiet", "--prune=now")
    with pytest.raises(FetchError, match=rf"the commit {line.data['commit']} is not there \(any more\)"):
        fetch(Store(tmp_path / "other"), [download_of(line, Site(rewrite={UPSTREAM: (repository.url,)}))])


def test_another_content_than_the_locked_is_refused(
    lock: Lock, repository: Repository, tmp_path: Path
) -> None:
    line = lock()
    repository.write("more", b"more\n")
    data = {**line.data, "commit": repository.commit()}
    other = Artefact("git", line.name, line.version, line.sha256, line.size, data=data)
    store = Store(tmp_path / "other")
    with pytest.raises(IntegrityError, match="expected"):
        fetch(store, [download_of(other, Site(rewrite={UPSTREAM: (repository.url,)}))])
    assert not store.has(line.sha256)


def test_submodules_are_refused_with_the_place_in_the_recipe(lock: Lock, repository: Repository) -> None:
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{COMMIT},vendor/part")
    repository.git("commit", "--quiet", "--message", "part")
    with pytest.raises(RecipeError, match="vendor/part is a submodule") as error:
        lock(version="main")
    assert str(error.value.where) == "images/bases/image/recipe.yaml:5:5"
    assert "input of its own" in str(error.value.solution)


@pytest.mark.parametrize(
    ("path", "target"),
    [("link", "/etc/passwd"), ("a/link", "../../b"), ("a/link", "../d/../../b"), ("deep/link", "../up/x")],
)
def test_a_link_that_leads_out_of_the_tree_is_refused(
    lock: Lock, repository: Repository, path: str, target: str
) -> None:
    repository.link("up", "..")
    repository.link(path, target)
    repository.commit()
    with pytest.raises(RecipeError, match="leads out of the tree"):
        lock(version="main")


def test_a_name_that_is_not_utf8_is_refused(lock: Lock, repository: Repository) -> None:
    (repository.root / "caf\udce9").touch()
    repository.commit()
    with pytest.raises(RecipeError, match="not UTF-8"):
        lock(version="main")


def test_a_tag_that_does_not_exist_is_an_error_with_the_near_miss(lock: Lock, repository: Repository) -> None:
    with pytest.raises(RecipeError, match="no tag or branch") as error:
        lock(version="1.00")
    assert error.value.solution == "did you mean `1.0`?"


def test_nothing_left_after_strip_is_an_error(lock: Lock, repository: Repository) -> None:
    with pytest.raises(RecipeError, match="nothing would come into the image"):
        lock(more=", strip: 9")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def plain_http(repository: Repository, tmp_path: Path) -> Iterator[str]:
    """A server that hands out files only: no shallow fetches, no single commits."""
    repository.git("clone", "--quiet", "--bare", ".", str(tmp_path / "bare.git"))
    repository.git("-C", str(tmp_path / "bare.git"), "update-server-info")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/bare.git"
    server.shutdown()
    server.server_close()


def test_a_server_that_knows_no_shallow_fetch_gives_the_same(lock: Lock, plain_http: str) -> None:
    assert lock(plain_http).sha256 == SHA256


@pytest.mark.parametrize("trouble", ["refused", "503", "silent"])
def test_the_next_place_is_asked_when_one_is_down(
    lock: Lock, repository: Repository, index: Index, said: Said, trouble: str
) -> None:
    index.status, index.silent = (503 if trouble == "503" else 0), trouble == "silent"
    down = "http://127.0.0.1:9/tree" if trouble == "refused" else f"http://127.0.0.1:{index.server_port}/tree"
    assert lock(down, repository.url).sha256 == SHA256
    assert any("the repository" in line and down in line and "is left out" in line for line in said.lines)


def test_all_places_down_is_no_fault_of_the_recipe(lock: Lock, repository: Repository) -> None:
    with pytest.raises(FetchError, match="git cannot read"):
        lock("http://127.0.0.1:9/tree")


@pytest.mark.parametrize("scheme", ["ext::sh -c touch% /tmp/x", "-u", "https://me:secret@example.org/x"])
def test_addresses_that_start_programs_or_hold_secrets_are_refused(scheme: str) -> None:
    text = request("1.0").component.raw.decode().replace(UPSTREAM, f'"{scheme}"').encode()
    with pytest.raises(RecipeError, match="is not a URL"):
        parse(text, Recipe, "recipe.yaml")
