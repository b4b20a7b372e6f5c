"""Trees on their way to a daemon: the same bytes for the same tree, removals in its own form."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from scs_build.engines.archive import PIECE, tree_archive
from scs_build.errors import EngineError
from scs_build.oci.overlay import make_whiteout


def read(tree: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(tree_archive(tree)))) as tar:
        return {member.name: member for member in tar}


def fill(tree: Path, names: list[str]) -> Path:
    tree.mkdir()
    for name in names:
        (tree / name).write_bytes(name.encode() * 100_000)
        os.utime(tree / name, ns=(0, 1_577_836_800_123_456_789))
    return tree


def test_the_order_of_making_changes_nothing(tmp_path: Path) -> None:
    names = ["b", "a", "Főtanúsítvány", "x" * 200]
    one, two = fill(tmp_path / "1", names), fill(tmp_path / "2", names[::-1])
    assert b"".join(tree_archive(one)) == b"".join(tree_archive(two))


def test_members_carry_all_that_a_step_can_see(tmp_path: Path) -> None:
    tree = fill(tmp_path / "tree", ["file"])
    (tree / "file").chmod(0o4755)
    (tree / "again").hardlink_to(tree / "file")
    (tree / "link").symlink_to("./a//b")
    os.mkfifo(tree / "pipe")
    found = read(tree)
    assert list(found) == ["again", "file", "link", "pipe"]
    assert (found["again"].mode, found["again"].mtime) == (0o4755, 1_577_836_800.123456789)
    assert (found["file"].type, found["file"].linkname) == (tarfile.LNKTYPE, "again")
    assert found["link"].linkname == "./a//b"
    assert found["pipe"].isfifo()


@pytest.mark.skipif(os.geteuid() != 0, reason="devices need root")
def test_removals_and_opaque_folders_become_those_of_layers(tmp_path: Path) -> None:
    (tmp_path / "tree/d").mkdir(parents=True)
    make_whiteout(tmp_path / "tree/gone")
    os.setxattr(tmp_path / "tree/d", "user.overlay.opaque", b"y")
    assert list(read(tmp_path / "tree")) == ["d", "d/.wh..wh..opq", ".wh.gone"]


def test_a_file_that_would_be_taken_for_a_removal_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".wh.x").touch()
    with pytest.raises(EngineError, match=r"/\.wh\.x: .* removal"):
        read(tmp_path)


def test_pieces_are_large_and_no_larger_than_content_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(10 * PIECE))
    sizes = [len(piece) for piece in tree_archive(tmp_path)]
    assert max(sizes) <= 2 * PIECE
    assert min(sizes[:-1]) >= PIECE
