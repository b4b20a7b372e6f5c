"""What is left of an upper directory when it becomes a layer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scs_build.engines.mask import is_engine_path
from scs_build.engines.spec import OPAQUE
from scs_build.engines.upper import clean, find
from scs_build.errors import EngineError


def make(root: Path, *paths: str) -> Path:
    root.mkdir(exist_ok=True)
    for path in paths:
        target = root / path
        if path.endswith("/"):
            target.mkdir(parents=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(path)
    return root


def paths(tree: Path) -> set[str]:
    return {str(path.relative_to(tree)) for path in tree.rglob("*")}


def test_what_belongs_to_the_engine_goes(tmp_path: Path) -> None:
    upper = make(tmp_path / "up", "dev/x", "tmp/a/b", "run/", "proc/", "etc/hosts", "etc/mine", ".dockerenv")
    clean(upper, [make(tmp_path / "low", "etc/")])
    assert paths(upper) == {"etc", "etc/mine"}


def test_empty_directories_stay_when_they_are_new_or_changed(tmp_path: Path) -> None:
    lower = make(tmp_path / "low", "same/deep/", "changed/")
    upper = make(tmp_path / "up", "same/deep/", "changed/", "new/")
    (upper / "changed").chmod(0o700)
    clean(upper, [lower])
    assert paths(upper) == {"changed", "new"}


def test_mount_points_go_unless_the_layers_have_them_or_the_step_used_them(tmp_path: Path) -> None:
    lower = make(tmp_path / "low", "there/")
    upper = make(tmp_path / "up", "there/", "a/b/", "used/by/", "used/file", "c")
    (upper / "there").chmod(0o700)
    (upper / "c").write_text("")
    clean(upper, [lower], ["/there", "/a/b", "/used/by", "/c"])
    assert paths(upper) == {"there", "used", "used/file"}


def test_notes_of_overlayfs_go_and_the_opaque_mark_stays(tmp_path: Path) -> None:
    lower, upper = make(tmp_path / "low", "d/f"), make(tmp_path / "up", "d/", "e/f")
    os.setxattr(upper / "d", OPAQUE, b"y")
    os.setxattr(upper / "e", "user.overlay.impure", b"y")
    os.setxattr(upper / "e/f", "user.mine", b"1")
    clean(upper, [lower])
    assert os.listxattr(upper / "d") == [OPAQUE]
    assert os.listxattr(upper / "e") == []
    assert os.listxattr(upper / "e/f") == ["user.mine"]
    assert find([lower, upper], "d/f") is None


def test_a_reference_in_place_of_content_is_an_error(tmp_path: Path) -> None:
    upper = make(tmp_path / "up", "d/")
    os.setxattr(upper / "d", "user.overlay.redirect", b"/other")
    with pytest.raises(EngineError, match="redirect"):
        clean(upper, [tmp_path])


def test_find_sees_the_topmost_and_goes_down_until_something_hides(tmp_path: Path) -> None:
    low = make(tmp_path / "low", "a/f", "a/g", "b/f", "c/deep/f")
    top = make(tmp_path / "top", "a/f", "b", "c/deep/")
    os.setxattr(top / "c", OPAQUE, b"y")
    layers = [low, top]

    def inode(path: str) -> int | None:
        found = find(layers, path)
        return found.st_ino if found else None

    assert inode("a/f") == (top / "a/f").stat().st_ino
    assert inode("a/g") == (low / "a/g").stat().st_ino
    assert inode("b/f") is None
    assert inode("c/deep/f") is None
    assert inode("c/deep") == (top / "c/deep").stat().st_ino
    assert inode("none/at/all") is None


@pytest.mark.parametrize(("path", "is_engines"), [
    ("dev", True), ("tmp/x/y", True), ("etc/hosts", True), ("etc/hosts.allow", False), ("var/tmp/x", False),
])  # fmt: skip
def test_engine_paths(path: str, is_engines: bool) -> None:
    assert is_engine_path(path) is is_engines
