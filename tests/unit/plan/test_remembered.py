"""Keys are remembered for the very bytes that they were computed from, and for nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scs_build.plan import remembered
from scs_build.plan.history import NOTHING
from scs_build.plan.remembered import KnownImage, all_there, fingerprint, remember_keys
from scs_build.store.store import Store

KEY = "0" * 64


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("images/iaas/app/recipe.yaml", "images/iaas/app/lock/2026.1.json", "README.md"):
        path = tmp_path / "checkout" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("one\n")
    return tmp_path / "checkout"


def mark(root: Path, series: str = "2026.1") -> str:
    return fingerprint(root, series, "linux/amd64")


CHANGES: dict[str, Callable[[Path], object]] = {
    "a byte of a recipe": lambda root: (root / "images/iaas/app/recipe.yaml").write_text("two\n"),
    "a new file": lambda root: (root / "images/iaas/app/more").write_text(""),
    "a file that went": lambda root: (root / "images/iaas/app/lock/2026.1.json").unlink(),
    "a name": lambda root: (root / "images/iaas/app").rename(root / "images/iaas/other"),
    "a link to nowhere": lambda root: (root / "images/iaas/link").symlink_to("nowhere"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_changes_below_images_changes_the_fingerprint(
    root: Path, change: Callable[[Path], object]
) -> None:
    before = mark(root)
    change(root)
    assert mark(root) != before


def test_neither_times_nor_other_files_change_it(root: Path) -> None:
    before = mark(root)
    (root / "README.md").write_text("two\n")
    (root / "images/iaas/app/recipe.yaml").touch()
    assert mark(root) == before
    assert mark(root, "2025.1") != before


def test_the_code_that_makes_keys_changes_it(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "package"
    (package / "plan").mkdir(parents=True)
    (package / "plan/graph.py").write_text("one\n")
    monkeypatch.setattr(remembered, "PACKAGE", package)
    before = mark(root)
    (package / "plan/graph.py").write_text("two\n")
    assert mark(root) != before


def test_images_are_there_only_with_all_their_results(root: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    images = [KnownImage("app", "container", KEY)]
    assert all_there(store, mark(root)) is None
    remember_keys(store, mark(root), images)
    assert all_there(store, mark(root)) is None
    blob = store.add_bytes(b"image")
    store.put_record(KEY, {"result": blob, "uses": {**NOTHING, "blobs": [blob]}})
    assert all_there(store, mark(root)) == images
    store.blob(blob).unlink()
    assert all_there(store, mark(root)) is None


def test_a_store_that_cannot_be_written_is_no_reason_to_fail(root: Path, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store/steps").symlink_to("/proc/self")
    remember_keys(Store(tmp_path / "store"), mark(root), [])
