"""Locking Debian packages with the real apt and a signed archive on this disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scs_build.errors import FetchError, RecipeError, ResolutionError
from scs_build.locks.check import check_lock
from scs_build.locks.files import lock_path, read_lock
from scs_build.locks.lock import LockChange, lock_images
from scs_build.progress import Silent
from scs_build.recipes.catalogue import Catalogue
from scs_build.recipes.site import Site
from scs_build.store.store import Store
from tests.integration.locks.archive import Archive, checkout

pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="Debian packages are locked on Debian")
BASE = "debian: {packages: [libc6, app], without: {debconf: only asks questions while installing}}\n"
CHILD = "parent: base\ndebian: {packages: [tool], build: [compiler]}\n"
PLATFORM = "linux/amd64"

Lock = Callable[..., list[LockChange]]


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    archive = Archive(tmp_path)
    archive.put("libc6", "2.41")
    archive.put("dpkg", "1.22", Essential="yes", Pre_Depends="libc6")
    archive.put("apt", "3.0", Depends="libc6 (>= 2.40)")
    archive.put("debconf", Depends="questions")
    archive.put("questions")
    archive.put("app", "1.0", Depends="libapp (>= 1), debconf, virtual")
    archive.put("libapp", "1.0", Source="app", Provides="virtual", Recommends="extra")
    archive.put("extra")
    archive.put("tool", Depends="libc6, libtool")
    archive.put("libtool")
    archive.put("compiler", Depends="libtool, headers")
    archive.put("headers")
    archive.publish()
    yield archive
    archive.stop()


@pytest.fixture
def root(tmp_path: Path, archive: Archive) -> Path:
    return checkout(tmp_path / "checkout", archive, base=BASE, child=CHILD)


@pytest.fixture
def lock(tmp_path: Path, root: Path, archive: Archive) -> Lock:
    def run(*names: str, **options: object) -> list[LockChange]:
        site = Site(debian=(f"file://{archive.root}",))
        return lock_images(
            Catalogue.load(root), "2026.1", names, PLATFORM, site,
            store=Store(tmp_path / "store"), work=tmp_path / "work", progress=Silent(), **options,
        )  # type: ignore[arg-type]  # fmt: skip

    return run


def roles(root: Path, name: str) -> dict[str, str]:
    path = lock_path(root / "images" / "bases" / name, "2026.1")
    return {line.name: f"{line.role} {line.version}" for line in read_lock(path, PLATFORM).artefacts}


def findings(root: Path, name: str) -> list[str]:
    """What the check says, without the place."""
    found = check_lock(Catalogue.load(root), "2026.1", name, PLATFORM)
    return [text.partition(": ")[2] for text in found]


def test_roles_say_what_an_image_keeps(lock: Lock, root: Path) -> None:
    lock()
    assert roles(root, "scaffold") == {"libc6": "image 2.41", "dpkg": "image 1.22", "apt": "image 3.0"}
    assert roles(root, "base") == {
        "libc6": "image 2.41", "app": "image 1.0", "libapp": "image 1.0",
        "debconf": "install 1", "questions": "install 1",
    }  # fmt: skip
    assert roles(root, "child") == {
        "tool": "image 1", "libtool": "image 1", "compiler": "build 1", "headers": "build 1",
    }  # fmt: skip
    assert [findings(root, name) for name in ("scaffold", "base", "child")] == [[], [], []]


def test_locking_again_changes_nothing_even_when_the_archive_moved(lock: Lock, archive: Archive) -> None:
    lock()
    archive.put("app", "2.0", Depends="libapp (>= 2), virtual")
    archive.put("libapp", "2.0", Source="app", Provides="virtual")
    archive.publish()
    assert lock() == []


def test_a_new_package_leaves_locked_versions_that_vanished(lock: Lock, archive: Archive, root: Path) -> None:
    lock()
    archive.put("libapp", "2.0", Source="app", Provides="virtual")
    archive.put("extra", Depends="libapp")
    archive.publish()
    checkout(root, archive, base=BASE.replace("[libc6, app]", "[libc6, app, extra]"), child=CHILD)
    assert findings(root, "base") == ["the recipe needs extra"]
    (change,) = lock()
    assert (change.image, change.added, change.changed) == ("base", [("deb:extra", "1")], [])


def test_another_state_of_debian_is_locked_from_nothing(lock: Lock, archive: Archive, root: Path) -> None:
    """What was locked from other suites is no reason to stay with it; lines do not tell whence they are."""
    lock()
    before = roles(root, "base")
    archive.put("app", "2.0", Depends="libapp, debconf, virtual")
    archive.publish()
    (archive.root / "dists/again").symlink_to("testing")
    series = root / "images/series/2026.1/series.yaml"
    series.write_text(series.read_text().replace("suites: [testing]", "suites: [again, testing]"))
    (finding,) = findings(root, "base")
    assert finding == "changed after it was locked: + series.debian.suites: again"
    changes = {change.image: change.changed for change in lock()}
    assert changes == {"scaffold": [], "base": [("deb:app", "1.0", "2.0")], "child": []}
    assert roles(root, "base") == before | {"app": "image 2.0"}
    assert findings(root, "base") == []
    assert lock() == []


def test_upgrade_takes_the_newest(lock: Lock, archive: Archive, root: Path) -> None:
    lock()
    archive.put("app", "2.0", Depends="libapp, debconf, virtual")
    archive.put("tool", "2", Depends="libtool")
    archive.publish()
    (change,) = lock(upgrade_packages={"app"})
    assert change.changed == [("deb:app", "1.0", "2.0")]
    (change,) = lock(upgrade=True)
    assert (change.image, change.changed) == ("child", [("deb:tool", "1", "2")])


def test_a_change_below_locks_what_stands_on_it_again(lock: Lock, archive: Archive, root: Path) -> None:
    lock()
    checkout(root, archive, base=BASE.replace("[libc6, app]", "[libc6, app, libtool]"), child=CHILD)
    base, child = lock("base")
    assert (base.added, child.removed) == ([("deb:libtool", "1")], [("deb:libtool", "1")])


def test_a_without_that_nothing_needs_is_an_error(lock: Lock, archive: Archive, root: Path) -> None:
    wrong = BASE.replace("debconf:", "systemd:")
    checkout(root, archive, base=wrong, child=CHILD)
    with pytest.raises(RecipeError, match="depends on systemd") as error:
        lock()
    assert error.value.where is not None and error.value.where.line == 4
    assert not (root / "images" / "bases" / "scaffold" / "lock").exists()


def test_a_package_that_does_not_exist_is_an_error_with_the_words_of_apt(
    lock: Lock, archive: Archive, root: Path
) -> None:
    checkout(root, archive, base=BASE.replace("app]", "ap]"), child=CHILD)
    with pytest.raises(ResolutionError, match="Unable to locate package ap"):
        lock()


def test_an_archive_that_another_key_signed_is_refused(lock: Lock, tmp_path: Path, root: Path) -> None:
    other = Archive(tmp_path / "other")
    other.write_keys(root / "images" / "series" / "keys")
    other.stop()
    with pytest.raises(FetchError, match="could not refresh or verify"):
        lock()


def test_an_index_that_was_altered_is_refused(lock: Lock, archive: Archive) -> None:
    index = archive.root / "dists" / "testing" / "main" / "binary-amd64" / "Packages"
    index.write_text(index.read_text().replace("Version: 2.41", "Version: 2.42"))
    with pytest.raises(FetchError):
        lock()


def test_the_check_finds_what_is_missing_or_too_much(lock: Lock, archive: Archive, root: Path) -> None:
    lock()
    path = lock_path(root / "images" / "bases" / "base", "2026.1")
    path.write_text("".join(row for row in path.read_text().splitlines(True) if '"libapp"' not in row))
    assert "app needs libapp (>= 1)" in findings(root, "base")
    checkout(root, archive, base=BASE, child="parent: base\ndebian: {packages: [libtool]}\n")
    assert "tool is locked and nothing needs it" in findings(root, "child")
