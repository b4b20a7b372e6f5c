"""The tools tree: how its programs start and how it is made."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

import pytest

from scs_build.engines import tools as module
from scs_build.engines.tools import ToolsTree
from scs_build.errors import EngineError, ProgramError
from scs_build.inputs.artefact import Artefact
from scs_build.store.store import Store


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    libraries = tree / "usr/lib/x86_64-linux-gnu"
    for folder in (libraries, tree / "usr/lib64", tree / "usr/bin", tree / "usr/sbin"):
        folder.mkdir(parents=True)
    (libraries / "ld-linux-x86-64.so.2").write_bytes(b"\x7fELF")
    (tree / "usr/lib64/ld-linux-x86-64.so.2").symlink_to("../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
    (tree / "usr/sbin/program").write_bytes(b"\x7fELF")
    (tree / "usr/bin/script").write_bytes(b"#!/bin/sh\n")
    return tree


def test_a_program_starts_through_the_loader_of_its_tree(tree: Path) -> None:
    assert ToolsTree(tree).argv("program", "-x", Path("y")) == [
        f"{tree}/usr/lib64/ld-linux-x86-64.so.2", "--inhibit-cache",
        "--library-path", f"{tree}/usr/lib/x86_64-linux-gnu",
        "--argv0", "program", f"{tree}/usr/sbin/program", "-x", "y",
    ]  # fmt: skip


def test_a_program_starts_where_the_tree_is_mounted(tree: Path) -> None:
    argv = ToolsTree(tree).argv("program", at=Path("/inside"))
    assert argv[0] == "/inside/usr/lib64/ld-linux-x86-64.so.2"
    assert not any(str(tree) in arg for arg in argv)


def test_scripts_and_missing_programs_are_not_started(tree: Path) -> None:
    with pytest.raises(ProgramError, match="is a script"):
        ToolsTree(tree).argv("script")
    with pytest.raises(ProgramError, match="has no other"):
        ToolsTree(tree).argv("other")


def test_a_tree_without_a_loader_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no dynamic loader"):
        _ = ToolsTree(tmp_path).loader


def test_a_tree_is_made_once_of_packages_and_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def extract(archive: Path, into: Path) -> None:
        unpacked.append(archive)
        (into / "usr/share/base-passwd").mkdir(parents=True)
        (into / "usr/bin").mkdir()
        (into / "usr/bin/mawk").touch()
        (into / "usr/share/base-passwd/passwd.master").write_text("root:")

    unpacked: list[Path] = []
    monkeypatch.setattr("scs_build.inputs.deb.deb.extract", extract)
    wheel = tmp_path / "uv.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("uv-1.data/scripts/uv", b"\x7fELF program")
        archive.writestr("uv-1.dist-info/RECORD", b"")
    store = Store(tmp_path / "store")
    package, size = store.add_bytes(b"deb"), wheel.stat().st_size
    artefacts = [
        Artefact("deb", "mawk", "1", package, 3),
        Artefact("wheel", "uv", "1", store.add_file(wheel), size),
    ]

    made = module.extract_tools(store, artefacts, "key")
    assert (made / "usr/bin/awk").readlink() == Path("mawk")
    assert (made / "bin").readlink() == Path("usr/bin")
    assert (made / "etc/passwd").read_text() == "root:"
    assert (made / "usr/bin/uv").stat().st_mode & 0o777 == 0o755
    assert made.stat().st_mode & 0o777 == 0o755
    assert {"dev", "proc", "run", "sys", "tmp"} <= {path.name for path in made.iterdir()}
    assert not (made / "usr/bin/which").is_symlink()
    assert module.extract_tools(store, artefacts, "key") == made
    assert unpacked == [store.blob(package)]


@pytest.mark.parametrize("sign", [":", ";", "$"])
def test_a_place_that_the_loader_would_read_as_two_is_refused(tree: Path, sign: str) -> None:
    other = tree.rename(tree.with_name(f"a{sign}b"))
    with pytest.raises(EngineError, match="dynamic loader") as caught:
        ToolsTree(other).argv("program")
    assert "SCS_BUILD_STORE" in str(caught.value.solution)


def test_what_is_made_does_not_show_the_umask(tmp_path: Path) -> None:
    (tmp_path / "usr/share/base-passwd").mkdir(parents=True)
    (tmp_path / "usr/share/base-passwd/passwd.master").touch()
    before = os.umask(0o077)
    try:
        module.finish_tree(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "etc/passwd").stat().st_mode) == 0o644
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in module.MOUNT_POINTS} == {0o755}
