"""What is left of an upper directory when it becomes a layer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scs_build.engines.mask import is_engine_path
from scs_build.engines.upper import clean
from scs_build.errors import EngineError
from scs_build.oci.overlay import is_whiteout, make_whiteout


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


def test_what_an_opaque_directory_hides_is_removed_one_by_one(tmp_path: Path) -> None:
    lower = make(tmp_path / "low", "d/gone", "d/same", "d/deep/gone", "d/deep/new", "etc/hosts", "etc/x")
    upper = make(tmp_path / "up", "d/same", "d/deep/", "d/deep/new", "e/f", "etc/")
    for path, name in (("d", "opaque"), ("etc", "opaque"), ("e", "impure"), ("e/f", "origin")):
        os.setxattr(upper / path, f"user.overlay.{name}", b"y")
    (upper / "d/deep/new").write_text("changed")
    os.setxattr(upper / "e/f", "user.mine", b"1")
    clean(upper, [lower])
    assert paths(upper) == {"d", "d/gone", "d/deep", "d/deep/gone", "d/deep/new", "e", "e/f", "etc", "etc/x"}
    assert {path for path in paths(upper) if is_whiteout((upper / path).lstat())} == {
        "d/gone", "d/deep/gone", "etc/x",
    }  # fmt: skip
    assert [os.listxattr(upper / path) for path in ("d", "e", "e/f")] == [[], [], ["user.mine"]]


def test_what_is_no_change_goes(tmp_path: Path) -> None:
    lower = make(tmp_path / "low", "d/same", "d/mode", "d/content", "l")
    upper = make(tmp_path / "up", "d/same", "d/mode", "d/content", "l")
    (upper / "d/mode").chmod(0o600)
    (upper / "d/content").write_text("D/CONTENT")
    make_whiteout(upper / "never")
    make_whiteout(upper / "d/never")
    clean(upper, [lower])
    assert paths(upper) == {"d", "d/mode", "d/content"}


def test_a_reference_in_place_of_content_is_an_error(tmp_path: Path) -> None:
    upper = make(tmp_path / "up", "d/")
    os.setxattr(upper / "d", "user.overlay.redirect", b"/other")
    with pytest.raises(EngineError, match="redirect"):
        clean(upper, [tmp_path])


@pytest.mark.parametrize(("path", "is_engines"), [
    ("dev", True), ("tmp/x/y", True), ("etc/hosts", True), ("etc/hosts.allow", False), ("var/tmp/x", False),
])  # fmt: skip
def test_engine_paths(path: str, is_engines: bool) -> None:
    assert is_engine_path(path) is is_engines
