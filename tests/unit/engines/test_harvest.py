"""From an exported file system to a layer: exactly what differs, and never less than all of it."""

from __future__ import annotations

import os
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scs_build.engines.archive import PIECE, tree_archive
from scs_build.engines.harvest import harvest
from scs_build.engines.mask import is_engine_path
from scs_build.errors import EngineError
from scs_build.inputs.artefact import Member
from scs_build.oci.tree import MergedTree, index, removals

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="removals and owners need root")

CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")
# A file with its content, a link with its target, or a directory with what it holds.
Tree = dict[str, "str | bytes | Tree"]
NAMES = st.sampled_from(["a", "b", "c", "etc", "hosts", "tmp"])
LEAVES = st.sampled_from([b"", b"one", b"two", "a", "/b"])
TREES = st.recursive(
    st.dictionaries(NAMES, LEAVES, max_size=3),
    lambda below: st.dictionaries(NAMES, LEAVES | below, max_size=4),
    max_leaves=12,
)


def lay(folder: Path, tree: Tree) -> Path:
    folder.mkdir(exist_ok=True)
    for name, what in tree.items():
        if isinstance(what, bytes):
            (folder / name).write_bytes(what)
        elif isinstance(what, str):
            (folder / name).symlink_to(what)
        else:
            lay(folder / name, what)
    return folder


def harvested(final: Path, *layers: Path, mounts: tuple[str, ...] = ()) -> Path:
    into = final.with_name(f"into{len(layers)}")
    into.mkdir()
    harvest(tree_archive(final), layers, mounts, into)
    return into


def seen(tree: MergedTree) -> dict[str, Member]:
    return {path: member for path, member in index(tree).items() if not is_engine_path(path)}


@settings(deadline=None, max_examples=150)
@given(TREES, TREES, TREES)
def test_layers_and_harvest_are_the_final_tree_and_it_holds_no_more(low: Tree, mid: Tree, end: Tree) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lower, middle, final = (lay(Path(folder, n), t) for n, t in (("1", low), ("2", mid), ("3", end)))
        into = harvested(final, lower, middle)
        expected, found = seen(MergedTree((final,))), seen(MergedTree((lower, middle, into)))
        if not any(path.startswith("etc/") for path in expected):  # an empty /etc may be Docker's own
            expected.pop("etc", None)
            found.pop("etc", None)
        assert found == expected
        again = harvested(final, lower, middle, into)
        assert list(again.iterdir()) == []


def test_what_belongs_to_the_engine_is_left_out(tmp_path: Path) -> None:
    final = lay(tmp_path / "final", {
        "etc": {"hosts": b"x"}, "dev": {"null": b""}, "proc": {}, ".dockerenv": b"", "tmp": {"x": b""},
        "step": {}, "in": {"deep": {"er": {}}}, "used": {"in": {}, "file": b"1"}, "had": {},
    })  # fmt: skip
    lower = lay(tmp_path / "lower", {"had": {}, "run": {"x": b""}})
    into = harvested(final, lower, mounts=("/step", "/in/deep/er", "/used/in", "/had"))
    assert set(index(into)) == {"used", "used/file"}


def test_each_fact_of_a_path_is_compared(tmp_path: Path) -> None:
    names = ("mode", "owner", "content", "size", "capability", "same", "setuid")
    lower = lay(tmp_path / "lower", {"d": dict.fromkeys(names, b"1234"), "folder": {}, "l": "x", "p": b""})
    final = lay(tmp_path / "final", {"d": dict.fromkeys(names, b"1234"), "folder": {}, "l": "y"})
    (final / "d/mode").chmod(0o600)
    os.chown(final / "d/owner", 1, 2)
    (final / "d/content").write_text("1235")
    (final / "d/size").write_text("12345")
    os.setxattr(final / "d/capability", "security.capability", CAPABILITY)
    (final / "d/setuid").chmod(0o4755)
    (final / "folder").chmod(0o1777)
    os.mkfifo(final / "p")
    os.mknod(final / "device", 0o020644, os.makedev(1, 3))
    into = harvested(final, lower)
    found = index(into)
    changed = {f"d/{name}" for name in names if name != "same"}
    assert set(found) == {*changed, "d", "device", "folder", "l", "p"}
    assert found == {path: member for path, member in index(final).items() if path in found}
    assert os.getxattr(into / "d/capability", "security.capability") == CAPABILITY
    assert (into / "device").stat().st_rdev == os.makedev(1, 3)
    assert int((into / "d/size").stat().st_mtime) == int((final / "d/size").stat().st_mtime)


@pytest.mark.parametrize("place", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE - 1])
def test_a_file_that_differs_late_is_written_from_its_beginning(place: int, tmp_path: Path) -> None:
    content = bytearray(os.urandom(3 * PIECE))
    lower = lay(tmp_path / "lower", {"f": bytes(content)})
    content[place] ^= 1
    final = lay(tmp_path / "final", {"f": bytes(content)})
    assert (harvested(final, lower) / "f").read_bytes() == content


def test_which_name_of_a_file_comes_first_changes_nothing(tmp_path: Path) -> None:
    lower = lay(tmp_path / "lower", {"b": b"old", "z": b"same", "zz": b"same"})
    os.setxattr(lower / "z", "security.capability", CAPABILITY)
    final = lay(tmp_path / "final", {"a": b"old", "c": b"new", "d": {}})
    (final / "b").hardlink_to(final / "a")  # b is as it was, a is another name of it
    (final / "d/e").hardlink_to(final / "c")
    (final / "z").write_text("same")
    os.setxattr(final / "z", "security.capability", CAPABILITY)
    (final / "zz").hardlink_to(final / "z")  # z is as it was, and zz got its capability
    into = harvested(final, lower)
    assert set(index(into)) == {"a", "c", "d", "d/e", "zz"}
    assert seen(MergedTree((lower, into))) == seen(MergedTree((final,)))
    assert (into / "c").samefile(into / "d/e")
    assert os.getxattr(into / "zz", "security.capability") == CAPABILITY


def test_a_removed_folder_is_one_removal(tmp_path: Path) -> None:
    lower = lay(tmp_path / "lower", {"d": {"e": {"f": b""}, "g": b""}, "h": {"i": b""}})
    into = harvested(lay(tmp_path / "final", {"h": b"now a file"}), lower)
    assert removals(into) == ["d"]
    assert set(index(into)) == {"h"}


@pytest.mark.parametrize("lost", [1, 512, 1024, 1025, 2000, 2048, 4096, 6000])
def test_an_export_that_ends_early_is_never_a_tree_with_less_in_it(lost: int, tmp_path: Path) -> None:
    final = lay(tmp_path / "final", {"a": bytes(3000), "b": bytes(3000)})
    (tmp_path / "into").mkdir()
    with pytest.raises(EngineError, match="is broken"):
        harvest([b"".join(tree_archive(final))[:-lost]], [tmp_path / "final"], (), tmp_path / "into")


@pytest.mark.parametrize("name", ["../x", "a/../../x", "missing/x"])
def test_an_export_that_is_no_tree_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "into").mkdir()
    data = tarfile.TarInfo(name).tobuf() + bytes(1024)
    with pytest.raises(EngineError, match="export of the step"):
        harvest([data], [tmp_path / "into"], (), tmp_path / "into")
    assert not list((tmp_path / "into").iterdir())
