"""Locks that age: real mirrors lose packages, and an overlay replaces what is nowhere, and only that."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scs_build.cli.main import main
from scs_build.errors import FetchError, LockError, OfflineError, ScsBuildError
from scs_build.inputs.python import index as pages
from scs_build.locks import aging
from scs_build.locks.aging import Means, Place, relock, whole_overlay
from scs_build.locks.lock import lock_images, series_images
from scs_build.locks.missing import Reachability, find_missing, locked_lines, refuse_unknown
from scs_build.locks.stale import refuse_stale
from scs_build.progress import Silent
from scs_build.recipes.site import Site
from scs_build.store.store import Store
from tests.integration.locks.archive import Archive, checkout
from tests.integration.locks.index import Index

pytestmark = pytest.mark.skipif(
    not (shutil.which("apt-get") and shutil.which("gpg")), reason="needs apt and gpg"
)
SERIES, PLATFORM = "2026.1", "linux/amd64"
BASE = "debian: {packages: [app, other]}\n"
CHILD = "parent: base\ndebian: {packages: [tool]}\npython: {requirements: [service, library]}\n"


class Mirror(SimpleHTTPRequestHandler):
    """A mirror that keeps a list of what it was asked for."""

    def send_head(self):  # type: ignore[no-untyped-def]
        self.server.asked.append((self.command, self.path))  # type: ignore[attr-defined]
        if self.server.down:  # type: ignore[attr-defined]
            return self.send_error(503)
        return super().send_head()

    def log_message(self, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    down = False

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(Mirror, directory=str(folder)))
        self.asked: list[tuple[str, str]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


@contextmanager
def mirror(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Town:
    """A checkout that is locked, the mirror and the index that it is locked from, and an empty store."""

    archive: Archive
    server: Server
    index: Index
    root: Path
    store: Store
    snapshots: tuple[str, ...] = ()

    @property
    def site(self) -> Site:
        return Site(debian=(self.server.url,), debian_snapshot=self.snapshots, python=(self.index.url,))

    @property
    def place(self) -> Place:
        return Place(self.root, (), SERIES, PLATFORM)

    @property
    def means(self) -> Means:
        return Means(self.store, self.site, self.root.parent / "work", Silent())

    def put(self, name: str, version: str = "1", **fields: str) -> None:
        """Add a package to the index and to the pool: nobody but a build reads what is in it."""
        self.archive.put(name, version, **fields)
        self.pool(name, version).parent.mkdir(parents=True, exist_ok=True)
        self.pool(name, version).write_bytes(b"123456789")

    def pool(self, name: str, version: str, top: Path | None = None) -> Path:
        return (top or self.archive.root) / f"pool/main/{name}_{version}_amd64.deb"

    def supersede(self, name: str, old: str, new: str, **fields: str) -> None:
        """Do as mirrors do: the new one comes, the old one goes."""
        self.put(name, new, **fields)
        self.pool(name, old).unlink()
        self.archive.publish()

    def look(self, *, every: bool = False, overlay: Path | None = None) -> Reachability:
        catalogue = self.place.under(overlay)
        locked = locked_lines(catalogue, SERIES, series_images(catalogue, SERIES), PLATFORM)
        return find_missing(locked, self.store, self.site, Silent(), every=every)

    def versions(self, overlay: Path | None = None) -> dict[str, str]:
        catalogue = self.place.under(overlay)
        locked = locked_lines(catalogue, SERIES, series_images(catalogue, SERIES), PLATFORM)
        return {f"{name} {li.id}": li.version for name, lines in locked.items() for li in lines}

    def bytes_of_locks(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self.root.rglob("lock/*.json")}


@pytest.fixture
def town(tmp_path: Path, index: Index) -> Iterator[Town]:
    archive = Archive(tmp_path)
    (tmp_path / "archive").mkdir(exist_ok=True)
    with mirror(archive.root) as server:
        root = tmp_path / "checkout"
        town = Town(archive, server, index, root, Store(tmp_path / "store"))
        town.put("dpkg", "1.22", Essential="yes")
        town.put("apt", "3.0", Depends="dpkg")
        town.put("app", "1.0", Depends="libapp (= 1.0)")
        town.put("libapp", "1.0", Source="app")
        town.put("other")
        town.put("tool", Depends="libapp")
        archive.publish()
        index.wheel("service", "1.0", "library")
        index.wheel("library", "1.0")
        checkout(root, archive, base=BASE, child=CHILD)
        lock_images(
            town.place.under(), SERIES, (), PLATFORM, town.site, store=Store(tmp_path / "locking"),
            work=tmp_path / "work", progress=Silent(),
        )  # fmt: skip
        server.asked.clear()
        index.asked.clear()
        pages._pages.clear()  # what it said before is another process's business
        yield town
    archive.stop()


def gone(found: Reachability) -> list[str]:
    assert found.unknown == ()
    return [f"{pin.image} {pin.line.id} {pin.line.version}" for pin in found.gone]


def test_looking_asks_for_headers_and_lists_and_downloads_nothing(town: Town) -> None:
    assert town.look().unserved == ()
    assert {command for command, _ in town.server.asked} == {"HEAD"}
    assert [path for path in town.index.asked if "/files/" in path] == []


def test_what_vanished_is_replaced_with_its_source_and_nothing_else_moves(town: Town, tmp_path: Path) -> None:
    before, versions = town.bytes_of_locks(), town.versions()
    town.put("other", "2")  # newer, and no reason to take it
    town.put("libapp", "1.1", Source="app")
    town.supersede("app", "1.0", "1.1", Depends="libapp (= 1.1)")
    found = town.look()
    assert gone(found) == ["base deb:app 1.0"]
    (change,) = relock(town.place, found.gone, tmp_path / "over", town.means)
    assert (change.image, change.added, change.removed) == ("base", [], [])
    assert change.changed == [("deb:app", "1.0", "1.1"), ("deb:libapp", "1.0", "1.1")]
    assert town.versions(tmp_path / "over") == versions | {"base deb:app": "1.1", "base deb:libapp": "1.1"}
    assert town.bytes_of_locks() == before
    assert town.look(overlay=tmp_path / "over").unserved == ()
    assert sorted(p.name for p in tmp_path.glob("*over*")) == ["over"]


def test_a_wheel_that_vanished_is_replaced_under_the_constraints(town: Town, tmp_path: Path) -> None:
    del town.index.files["library-1.0-py3-none-any.whl"]
    town.index.wheel("library", "1.1")
    town.index.wheel("library", "2.0")
    town.index.wheel("service", "1.1", "library")
    (town.root / "images/series" / SERIES / "constraints.txt").write_text("library<2\n")
    found = town.look()
    assert gone(found) == ["child wheel:library 1.0"]
    (change,) = relock(town.place, found.gone, tmp_path / "over", town.means)
    assert (change.image, change.changed) == ("child", [("wheel:library", "1.0", "1.1")])


def test_a_dated_archive_that_has_it_is_a_source_and_nothing_is_locked(town: Town, tmp_path: Path) -> None:
    shutil.copytree(town.archive.root, tmp_path / "dated")
    town.supersede("app", "1.0", "1.1", Depends="libapp")
    with mirror(tmp_path / "dated") as dated:
        town.snapshots = (dated.url,)
        assert town.look().unserved == ()
        assert dated.asked == [("HEAD", "/pool/main/app_1.0_amd64.deb")]


def test_what_the_store_holds_is_no_reason_to_lock_but_is_reported(town: Town) -> None:
    line = next(
        li for li in locked_lines(town.place.under(), SERIES, ["base"], PLATFORM)["base"] if li.name == "app"
    )
    town.pool("app", "1.0").unlink()
    blob = town.store.blob(line.sha256)
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(b"123456789")
    assert town.look().unserved == ()
    (pin,) = town.look(every=True).gone
    assert (pin.line.name, pin.holds) == ("app", True)


def test_a_mirror_that_is_down_is_no_loss(town: Town) -> None:
    town.server.down = True
    found = town.look()
    assert found.gone == ()
    assert len(found.unknown) == 6
    with pytest.raises(FetchError, match="whether 6 pins vanished is not known"):
        refuse_unknown(found)


def test_other_bytes_under_the_same_name_are_not_taken_for_a_loss(town: Town) -> None:
    town.pool("app", "1.0").write_bytes(b"other")
    (pin,) = town.look().unknown
    assert pin.verdict.reason.endswith("has 5 bytes, locked are 9")


def test_without_a_replacement_there_is_an_error_and_no_overlay(town: Town, tmp_path: Path) -> None:
    town.pool("app", "1.0").unlink()  # the index lists it still
    with pytest.raises(FetchError, match=r"base: deb:app 1\.0 vanished, and nothing else"):
        relock(town.place, town.look().gone, tmp_path / "over", town.means)
    assert list(tmp_path.glob("*over*")) == []


def test_an_interrupted_run_leaves_the_overlay_as_it_was(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.supersede("app", "1.0", "1.1", Depends="libapp")
    over = tmp_path / "over"
    relock(town.place, town.look().gone, over, town.means)
    before = {path: path.read_bytes() for path in over.rglob("*") if path.is_file()}

    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(aging, "put_folder", interrupted)
    with pytest.raises(KeyboardInterrupt):
        relock(town.place, town.look().gone, over, town.means)
    assert {path: path.read_bytes() for path in over.rglob("*") if path.is_file()} == before
    assert sorted(p.name for p in tmp_path.glob("*over*")) == ["over"]


def test_a_folder_of_somebody_else_is_not_overwritten(town: Town, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").write_text("x")
    with pytest.raises(LockError, match="something else than an overlay"):
        relock(town.place, (), tmp_path / "mine", town.means)
    assert (tmp_path / "mine/file").read_text() == "x"


def test_an_overlay_ends_with_the_locks_that_it_was_made_over(town: Town, tmp_path: Path) -> None:
    town.supersede("app", "1.0", "1.1", Depends="libapp")
    relock(town.place, town.look().gone, tmp_path / "over", town.means)
    assert whole_overlay(town.place, tmp_path / "over", town.means)
    lock = town.root / f"images/bases/base/lock/{SERIES}.json"
    lock.write_bytes(lock.read_bytes().replace(b": [", b" : [", 1))
    with pytest.raises(LockError, match="another lock of `base`") as caught:
        refuse_stale(town.place.under(tmp_path / "over"), SERIES)
    assert str(caught.value.where) == f"{tmp_path}/over/layer.yaml"
    assert not whole_overlay(town.place, tmp_path / "over", town.means)


def test_an_overlay_that_lost_a_package_too_is_no_whole_one(town: Town, tmp_path: Path) -> None:
    town.supersede("app", "1.0", "1.1", Depends="libapp")
    relock(town.place, town.look().gone, tmp_path / "over", town.means)
    town.pool("app", "1.1").unlink()
    assert not whole_overlay(town.place, tmp_path / "over", town.means)


def test_the_command_says_what_vanished_and_what_replaces_it(
    town: Town, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCS_BUILD_STORE", str(tmp_path / "empty"))
    site = tmp_path / "site.yaml"
    site.write_text(f"format: 1\ndebian: [{town.server.url!r}]\npython: [{town.index.url!r}]\n")
    common = ("--root", str(town.root), "--site", str(site))
    over = tmp_path / "over"
    assert main(("lock", "--missing", "--into", str(over), *common)) == 0
    assert "no overlay is needed" in capsys.readouterr().out
    assert not over.exists()
    town.supersede("app", "1.0", "1.1", Depends="libapp")
    assert main(("lock", "--missing", *common)) == 0
    assert "1 vanished (0 of them in this store), 0 not known" in capsys.readouterr().out
    assert main(("lock", "--missing", "--offline", *common)) == 47
    assert main(("lock", "--missing", "--into", str(over), "--offline", *common)) == 47
    capsys.readouterr()
    assert main(("lock", "--missing", "--into", str(over), "--json", *common)) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [pin["id"] for pin in answer["unserved"]] == ["deb:app"]
    assert answer["changes"][0]["changed"] == [{"id": "deb:app", "old": "1.0", "new": "1.1"}]
    assert answer["overlay"] == str(over)
    assert main(("lock", "--check", "--lock-overlay", str(over), *common)) == 0


@pytest.mark.parametrize("error", [FetchError, LockError])
def test_only_what_could_not_be_fetched_is_asked_about(town: Town, error: type[ScsBuildError]) -> None:
    from scs_build.cli.aging import with_overlay
    from scs_build.cli.options import Session

    def fails(session: Session) -> None:
        raise error("for another reason")

    session = Session(root_option=town.root, store_option=town.store.root)
    object.__setattr__(session, "site", town.site)
    with pytest.raises(error, match="for another reason"):
        with_overlay(session, fails, town.root.parent / "over")
    assert bool(town.server.asked) == (error is FetchError)
    assert not (town.root.parent / "over").exists()


def test_what_vanished_is_replaced_by_itself_with_a_warning_and_only_while_it_is_gone(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    """As quickstart does; what is fetched stands for what it builds."""
    from scs_build.cli.aging import with_overlay
    from scs_build.cli.options import Session
    from scs_build.store.downloads import download_of
    from scs_build.store.fetch import fetch

    over = town.root.parent / "over"
    session = Session(root_option=town.root, store_option=town.store.root)
    object.__setattr__(session, "site", town.site)

    def act(within: Session) -> str:
        catalogue = within.catalogue
        lines = locked_lines(catalogue, SERIES, {"base"}, PLATFORM)["base"]
        wanted = [line for line in lines if line.name == "app"]
        if not town.pool("app", wanted[0].version).exists():  # its bytes are not those of a package
            fetch(town.store, [download_of(line, town.site) for line in wanted])
        return wanted[0].version

    assert with_overlay(session, act, over) == ("1.0", None)
    assert (town.server.asked, capsys.readouterr().err) == ([], "")
    town.supersede("app", "1.0", "1.1", Depends="libapp")
    assert with_overlay(session, act, over) == ("1.1", over)
    said = capsys.readouterr().err
    assert "WARNING: 1 pins of the release have vanished" in said
    assert f"--lock-overlay {over}" in said
    assert "NOT the pinned release" in said
    made = {path: path.stat().st_ino for path in over.rglob("*")}
    assert with_overlay(session, act, over) == ("1.1", over)
    assert {path: path.stat().st_ino for path in over.rglob("*")} == made
    town.pool("app", "1.0").write_bytes(b"123456789")
    assert with_overlay(session, act, over) == ("1.0", None)
    assert not over.exists()


def test_offline_an_overlay_that_is_there_and_fits_is_taken(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    from scs_build.cli.aging import with_overlay
    from scs_build.cli.options import Session

    over = town.root.parent / "over"
    session = Session(root_option=town.root, store_option=town.store.root, offline=True)

    def act(within: Session) -> str:
        lines = locked_lines(within.catalogue, SERIES, {"base"}, PLATFORM)["base"]
        line = next(line for line in lines if line.name == "app")
        if line.version == "1.0":
            raise OfflineError("app 1.0 is not in the store")
        return line.version

    with pytest.raises(OfflineError, match="is not in the store"):
        with_overlay(session, act, over)
    town.supersede("app", "1.0", "1.1", Depends="libapp")
    relock(town.place, town.look().gone, over, town.means)
    town.server.asked.clear()
    assert with_overlay(session, act, over) == ("1.1", over)
    said = capsys.readouterr().err
    assert f"WARNING: pins of the release are not in the store: the overlay {over} is taken" in said
    assert "NOT the pinned release" in said
    lock = town.root / f"images/bases/base/lock/{SERIES}.json"
    lock.write_bytes(lock.read_bytes().replace(b": [", b" : [", 1))
    with pytest.raises(OfflineError, match="is not in the store"):
        with_overlay(session, act, over)
    assert town.server.asked == []
