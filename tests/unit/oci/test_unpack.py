"""Unpacking: whiteouts, replacements, and archives that try to get out of the folder."""

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from scs_build.errors import VerificationError
from scs_build.oci.entry import Entry
from scs_build.oci.layer import write_layer
from scs_build.oci.tree import index
from scs_build.oci.unpack import unpack_image, unpack_layer
from scs_build.store.store import Store

root = pytest.mark.skipif(os.geteuid() != 0, reason="owners need root")


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o755) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    info.uid, info.gid = os.getuid(), os.getgid()
    return info


def blob(path: Path, *members: tarfile.TarInfo | tuple[tarfile.TarInfo, bytes]) -> Path:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for item in members:
            info, data = item if isinstance(item, tuple) else (item, b"")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    path.write_bytes(gzip.compress(raw.getvalue()))
    return path


def folder(name: str) -> tarfile.TarInfo:
    return member(name, tarfile.DIRTYPE)


def below(tmp_path: Path) -> Path:
    """Make what a lower layer left."""
    out = tmp_path / "out"
    (out / "d/s").mkdir(parents=True)
    for path in ("d/a", "d/b", "d/s/x", "f"):
        (out / path).write_text("lower")
    return out


def test_a_whiteout_removes_from_the_layers_below(tmp_path: Path) -> None:
    out = below(tmp_path)
    unpack_layer(blob(tmp_path / "b", member("d/.wh.a"), member("d/.wh.s"), member(".wh.none")), out)
    assert set(index(out)) == {"d", "d/b", "f"}


@pytest.mark.parametrize("first", [True, False])
def test_an_opaque_folder_keeps_what_its_own_layer_brings(tmp_path: Path, first: bool) -> None:
    out = below(tmp_path)
    mark, own = [member("d/.wh..wh..opq")], [folder("d"), folder("d/s"), (member("d/s/y"), b"upper")]
    unpack_layer(blob(tmp_path / "b", *(mark + own if first else own + mark)), out)
    assert set(index(out)) == {"d", "d/s", "d/s/y", "f"}


def test_types_replace_each_other(tmp_path: Path) -> None:
    out = below(tmp_path)
    unpack_layer(blob(tmp_path / "b", (member("d"), b"file"), folder("f"), (member("f/x"), b"1")), out)
    assert {path: found.type for path, found in index(out).items()} == {
        "d": "file",
        "f": "dir",
        "f/x": "file",
    }


def test_a_file_that_is_replaced_leaves_its_other_names_alone(tmp_path: Path) -> None:
    out = below(tmp_path)
    os.link(out / "f", tmp_path / "elsewhere")
    unpack_layer(blob(tmp_path / "b", (member("f"), b"upper")), out)
    assert ((out / "f").read_text(), (tmp_path / "elsewhere").read_text()) == ("upper", "lower")


def test_links_to_folders_are_followed_inside_the_root(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "usr/bin").mkdir(parents=True)
    (out / "bin").symlink_to("/usr/bin")
    unpack_layer(
        blob(tmp_path / "b", (member("bin/sh"), b"x"), member("bin/ash", tarfile.LNKTYPE, "bin/sh")), out
    )
    assert (out / "usr/bin/sh").read_text() == "x"
    assert (out / "usr/bin/ash").samefile(out / "usr/bin/sh")
    assert (out / "bin").is_symlink()


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/../evil", ".."])
def test_names_that_climb_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(VerificationError, match="leads out"):
        unpack_layer(blob(tmp_path / "b", (member(name), b"x")), tmp_path / "out")
    assert not (tmp_path / "evil").exists()


def test_an_absolute_name_lies_inside(tmp_path: Path) -> None:
    unpack_layer(blob(tmp_path / "b", (member("/etc/x"), b"x")), tmp_path / "out")
    assert (tmp_path / "out/etc/x").read_text() == "x"


@pytest.mark.parametrize("target", ["OUTSIDE", "../outside"])
def test_a_link_does_not_lead_out(tmp_path: Path, target: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/keep").write_text("mine")
    target = target.replace("OUTSIDE", str(tmp_path / "outside"))
    unpack_layer(
        blob(
            tmp_path / "b",
            member("l", tarfile.SYMTYPE, target),
            (member("l/keep"), b"x"),
            member("l/.wh.keep"),
        ),
        tmp_path / "out",
    )
    assert (tmp_path / "outside/keep").read_text() == "mine"
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["keep"]


def test_a_file_is_never_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mine")
    link = member("l", tarfile.SYMTYPE, str(tmp_path / "secret"))
    unpack_layer(blob(tmp_path / "b", link, (member("l", mode=0o777), b"x")), tmp_path / "out")
    assert (tmp_path / "secret").read_text() == "mine"
    assert (tmp_path / "out/l").read_text() == "x"


@pytest.mark.parametrize("target", ["../secret", "l/../../secret"])
def test_a_hard_link_does_not_lead_out(tmp_path: Path, target: str) -> None:
    (tmp_path / "secret").write_text("mine")
    with pytest.raises(VerificationError, match="leads out"):
        unpack_layer(blob(tmp_path / "b", member("h", tarfile.LNKTYPE, target)), tmp_path / "out")


def test_a_hard_link_through_a_link_does_not_lead_out(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mine")
    members = [member("l", tarfile.SYMTYPE, str(tmp_path)), member("h", tarfile.LNKTYPE, "l/secret")]
    with pytest.raises(VerificationError, match="hard link 'h'"):
        unpack_layer(blob(tmp_path / "b", *members), tmp_path / "out")


def test_a_hard_link_to_a_link_does_not_change_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mine")
    (tmp_path / "secret").chmod(0o600)
    members = [
        member("l", tarfile.SYMTYPE, str(tmp_path / "secret")),
        member("h", tarfile.LNKTYPE, "l", mode=0o777),
    ]
    unpack_layer(blob(tmp_path / "b", *members), tmp_path / "out")
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "out/h").is_symlink()


@pytest.mark.parametrize("keep", [20, 600, -12])
def test_a_blob_that_is_cut_off_is_an_error(tmp_path: Path, keep: int) -> None:
    whole = blob(tmp_path / "b", (member("f"), os.urandom(5000)))
    (tmp_path / "cut").write_bytes(whole.read_bytes()[:keep])
    with pytest.raises(VerificationError, match="not a whole") as caught:
        unpack_layer(tmp_path / "cut", tmp_path / "out")
    assert str(tmp_path / "cut") in str(caught.value)


def test_what_is_no_archive_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"hello, world")
    with pytest.raises(VerificationError, match="not a whole"):
        unpack_layer(tmp_path / "b", tmp_path / "out")


def test_layers_of_an_image_are_unpacked_lowest_first(tmp_path: Path) -> None:
    store, uid, gid = Store(tmp_path / "store"), os.getuid(), os.getgid()
    entries = [Entry("a", "file", 0o644, uid, gid, content=text) for text in (b"1", b"2")]
    layers = [write_layer(store, [entry], 1) for entry in entries]
    unpack_image(store, layers, tmp_path / "out")
    assert (tmp_path / "out/a").read_text() == "2"
    assert (tmp_path / "out/a").stat().st_mtime == 1577836800


@root
def test_owner_mode_and_capability_are_set(tmp_path: Path) -> None:
    store, value = Store(tmp_path / "store"), b"\x01\0\0\x02\0\x20\0\0" + bytes(12)
    entry = Entry("ping", "file", 0o4711, 7, 8, content=b"x", capability=value)
    unpack_image(store, [write_layer(store, [entry], 1)], tmp_path / "out")
    status = (tmp_path / "out/ping").stat()
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o4711, 7, 8)
    assert os.getxattr(tmp_path / "out/ping", "security.capability") == value
