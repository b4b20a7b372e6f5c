"""The merged view on overlay layers, and what one layer changes."""

import os
from pathlib import Path

import pytest

from scs_build.errors import EngineError, ResultError
from scs_build.oci.tree import MergedTree, changes, index

root = pytest.mark.skipif(os.geteuid() != 0, reason="devices and owners need root")


def lay(folder: Path, content: dict[str, str | None]) -> Path:
    """Make a layer: text is a file, None a folder, `-> x` a link, `removed` a whiteout."""
    folder.mkdir()
    for path, text in content.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            target.mkdir(exist_ok=True)
        elif text == "removed":
            os.mknod(target, 0o020000, 0)
        elif text.startswith("-> "):
            target.symlink_to(text[3:])
        else:
            target.write_text(text)
    return folder


def opaque(folder: Path) -> None:
    os.setxattr(folder, "user.overlay.opaque", b"y")


def seen(tree: MergedTree, prefix: str = "") -> dict[str, str | None]:
    return {p: real.read_text() if real.is_file() else None for p, real, _ in tree.walk(prefix)}


def found(upper: Path, *lower: Path) -> list[tuple[str, str]]:
    return [(change.path, change.kind) for change in changes(upper, MergedTree(lower))]


def test_upper_layers_win_and_folders_merge(tmp_path: Path) -> None:
    one = lay(tmp_path / "1", {"d/a": "1", "d/b": "1", "e": None})
    two = lay(tmp_path / "2", {"d/b": "2", "d/c": "2"})
    tree = MergedTree((one, two))
    assert list(seen(tree).items()) == [("d", None), ("d/a", "1"), ("d/b", "2"), ("d/c", "2"), ("e", None)]
    assert tree.lookup("d") == two / "d"
    assert tree.lookup("d/x") is None
    assert tree.lookup("d/a/x") is None
    assert list(seen(tree, "d")) == ["d/a", "d/b", "d/c"]


def test_parents_that_are_links_are_followed_inside_the_tree(tmp_path: Path) -> None:
    one = lay(tmp_path / "1", {"usr/bin/sh": "x", "bin": "-> usr/bin", "etc/abs": "-> /usr/bin"})
    two = lay(tmp_path / "2", {"up": "-> ../../../usr", "usr/bin/last": "-> sh", "loop": "-> loop"})
    tree = MergedTree((one, two))
    assert tree.lookup("bin/sh") == one / "usr/bin/sh"
    assert tree.lookup("etc/abs/sh") == one / "usr/bin/sh"
    assert tree.lookup("up/bin/sh") == one / "usr/bin/sh"
    assert tree.lookup("bin") == one / "bin"
    assert tree.entry("bin/last").link == "sh"
    with pytest.raises(ResultError, match="too many symbolic links"):
        tree.lookup("loop/x")


def test_a_link_that_leads_out_of_the_tree_does_not(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    tree = MergedTree((lay(tmp_path / "1", {"out": f"-> {tmp_path}", "up": "-> .."}),))
    assert tree.lookup("out/secret") is None
    assert tree.lookup("up/secret") is None


def test_opaque_folders_hide_what_lies_below(tmp_path: Path) -> None:
    one = lay(tmp_path / "1", {"d/old": "1", "d/s/x": "1"})
    two = lay(tmp_path / "2", {"d/new": "2", "d/s/y": "2"})
    opaque(two / "d")
    tree = MergedTree((one, two))
    assert list(seen(tree)) == ["d", "d/new", "d/s", "d/s/y"]
    assert tree.lookup("d/s/x") is None
    assert found(two, one) == [
        ("d/new", "added"), ("d/old", "removed"), ("d/s/x", "removed"), ("d/s/y", "added"),
    ]  # fmt: skip


def test_a_file_replaces_a_folder_and_a_folder_a_file(tmp_path: Path) -> None:
    one = lay(tmp_path / "1", {"d/a": "1", "f": "1"})
    two = lay(tmp_path / "2", {"d": "file", "f/x": "2"})
    three = lay(tmp_path / "3", {"d/b": "3"})
    assert seen(MergedTree((one, two))) == {"d": "file", "f": None, "f/x": "2"}
    assert seen(MergedTree((one, two, three))) == {"d": None, "d/b": "3", "f": None, "f/x": "2"}
    assert found(two, one) == [("d", "changed"), ("d/a", "removed"), ("f", "changed"), ("f/x", "added")]


@root
def test_whiteouts_remove(tmp_path: Path) -> None:
    one = lay(tmp_path / "1", {"d/a": "1", "d/b": "1", "k": "1"})
    two = lay(tmp_path / "2", {"d": "removed", "k": "removed", "never": "removed"})
    three = lay(tmp_path / "3", {"d/c": "3"})
    assert seen(MergedTree((one, two))) == {}
    assert seen(MergedTree((one, two, three))) == {"d": None, "d/c": "3"}
    assert found(two, one) == [("d", "removed"), ("d/a", "removed"), ("d/b", "removed"), ("k", "removed")]
    assert found(three, one, two) == [("d", "added"), ("d/c", "added")]


def test_equal_copies_are_no_change(tmp_path: Path) -> None:
    content = {"d/a": "same", "l": "-> x", "e": None}
    one, two = lay(tmp_path / "1", content), lay(tmp_path / "2", content)
    os.utime(two / "d/a", (1, 1))
    assert found(two, one) == []


@pytest.mark.parametrize("what", ["content", "mode", "link", "type"])
def test_differences_are_changes(tmp_path: Path, what: str) -> None:
    content = {"a": "same", "l": "-> x"}
    one, two = lay(tmp_path / "1", content), lay(tmp_path / "2", content)
    if what == "content":
        (two / "a").write_text("sane")
    elif what == "mode":
        (two / "a").chmod(0o4755)
    else:
        (two / "l").unlink()
        (two / "l").symlink_to("y") if what == "link" else (two / "l").write_text("x")
    assert found(two, one) == [("l" if what in ("link", "type") else "a", "changed")]


@root
def test_owner_and_capability_are_compared(tmp_path: Path) -> None:
    content = {"a": "same", "b": "same", "c": "same"}
    one, two = lay(tmp_path / "1", content), lay(tmp_path / "2", content)
    os.chown(two / "a", 5, 6)
    value = b"\x01\0\0\x02\0\x20\0\0" + bytes(12)
    os.setxattr(two / "b", "security.capability", value)
    assert found(two, one) == [("a", "changed"), ("b", "changed")]
    entry = MergedTree((one, two)).entry("b")
    assert (entry.capability, entry.content) == (value, two / "b")
    assert MergedTree((two,)).entry("a").uid == 5


def test_redirected_folders_are_refused(tmp_path: Path) -> None:
    one = lay(tmp_path / "1", {"d/a": "1"})
    os.setxattr(one / "d", "user.overlay.redirect", b"/other")
    with pytest.raises(EngineError, match="redirect_dir"):
        MergedTree((one,)).lookup("d/a")


def test_missing_paths_and_sockets_are_no_entries(tmp_path: Path) -> None:
    import socket

    one = lay(tmp_path / "1", {"a": "1"})
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(one / "s"))
    tree = MergedTree((one,))
    with pytest.raises(ResultError, match="/b: the tree has no such path"):
        tree.entry("b")
    with pytest.raises(ResultError, match="/s: is a socket"):
        tree.entry("s")
    assert list(index(one)) == ["a"]


def test_link_targets_stay_as_written(tmp_path: Path) -> None:
    one = lay(tmp_path / "1", {"l": "-> ./a//b/"})
    assert MergedTree((one,)).entry("l").link == "./a//b/"
    assert index(one)["l"].link == "./a//b/"
