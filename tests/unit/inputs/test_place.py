import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from scs_build.errors import IntegrityError
from scs_build.inputs.artefact import Artefact, Member
from scs_build.inputs.kinds import TREES
from scs_build.inputs.place import placed

SHA = "a" * 64


def tree(strip: int = 0, **data: object) -> Artefact:
    where = {"url": "https://example.org/a.tar", "path": "/usr/share/a", "unpack": True}
    return Artefact("url", "a", "1", SHA, 1, data={**where, **({"strip": strip} if strip else {}), **data})


def file(path: str, mode: int = 0o644, digest: str = SHA) -> Member:
    return Member(path, "file", mode, 1000, 1000, 5, digest)


def link(path: str, target: str) -> Member:
    return Member(path, "link", 0o777, link=target)


def test_everything_is_roots_with_one_of_two_modes() -> None:
    members = [Member("d", "dir", 0o2775, 5, 5), file("d/run", 0o4750), file("d/data", 0o600)]
    found = placed(tree(), members)
    assert [(path, m.type, m.mode, m.uid, m.gid) for path, m in found] == [
        ("usr/share/a/d", "dir", 0o755, 0, 0),
        ("usr/share/a/d/run", "file", 0o755, 0, 0),
        ("usr/share/a/d/data", "file", 0o644, 0, 0),
    ]


def test_leading_folders_are_left_out() -> None:
    members = [Member("a-1", "dir", 0o755), file("a-1/x"), file("README"), link("a-1/y", "x")]
    assert [path for path, _ in placed(tree(strip=1), members)] == ["usr/share/a/x", "usr/share/a/y"]
    with pytest.raises(IntegrityError, match="nothing would come"):
        placed(tree(strip=2), members)


def test_a_file_that_is_copied_lies_at_the_path_itself() -> None:
    (found,) = placed(tree(unpack=False, mode="0755"), [file("a.tar", 0o644)])
    assert (found[0], found[1].mode) == ("usr/share/a", 0o755)


def test_a_hard_link_is_a_file_of_its_own() -> None:
    other = "b" * 64
    members = [file("x", 0o755, other), Member("y", "hardlink", 0o755, link="x")]
    assert [(path, m.type, m.sha256) for path, m in placed(tree(), members)] == [
        ("usr/share/a/x", "file", other), ("usr/share/a/y", "file", other),
    ]  # fmt: skip
    with pytest.raises(IntegrityError, match="does not come before it"):
        placed(tree(), reversed(members))


@pytest.mark.parametrize("target", ["x", "./x", "d/../x", "../a/x", "d/up/x", "nowhere", "d"])
def test_links_inside_the_tree_stay(target: str) -> None:
    members = [file("a/x"), file("a/d/z"), link("a/d/up", ".."), link("a/y", target)]
    assert dict(placed(tree(), members))["usr/share/a/a/y"].link == target


@pytest.mark.parametrize("target", ["/etc/x", "../../x", "d/up/../../x", "../../a/x", "d/up/up/x"])
def test_links_that_lead_out_are_refused(target: str) -> None:
    members = [file("a/d/z"), link("a/d/up", ".."), link("a/up", ".."), link("up", ".."), link("a/y", target)]
    with pytest.raises(IntegrityError, match="leads out of the tree"):
        placed(tree(), members)


def test_links_in_a_circle_are_refused() -> None:
    with pytest.raises(IntegrityError, match="too many"):
        placed(tree(), [link("a", "b"), link("b", "a")])


def test_a_link_that_leaves_the_tree_when_folders_are_stripped_is_refused() -> None:
    members = [file("top/x"), file("other/z"), link("top/y", "../other/z")]
    assert placed(tree(), members)
    with pytest.raises(IntegrityError, match="leads out"):
        placed(tree(strip=1), members)


@pytest.mark.parametrize("kind", ["char", "block", "fifo"])
def test_devices_are_refused(kind: str) -> None:
    with pytest.raises(IntegrityError, match=f"null is a {kind}"):
        placed(tree(), [Member("null", kind, 0o666)])  # type: ignore[arg-type]


def unpacked(path: Path, into: Path, artefact: Artefact) -> dict[str, Member]:
    into.mkdir()
    return {member.path: member for member in TREES["url"].unpack(artefact, path, into)}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_the_content_of_a_tar_is_kept_under_its_hash(tmp_path: Path, mode: str) -> None:
    with tarfile.open(tmp_path / "a.tar", mode) as archive:  # type: ignore[call-overload]
        for name in ("one", "two"):
            info = tarfile.TarInfo(name)
            info.size = 4
            archive.addfile(info, io.BytesIO(b"same"))
    found = unpacked(tmp_path / "a.tar", tmp_path / "into", tree())
    assert [path.name for path in (tmp_path / "into").iterdir()] == [found["one"].sha256]
    assert found["one"].sha256 == found["two"].sha256
    assert (tmp_path / "into" / found["one"].sha256).read_bytes() == b"same"
    assert list(TREES["url"].index(tree(), tmp_path / "a.tar")) == list(found.values())


def test_the_content_of_a_zip_is_kept_too_and_its_links_are_links(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("d/file", b"text")
        info = zipfile.ZipInfo("d/link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "file")
    found = unpacked(tmp_path / "a.zip", tmp_path / "into", tree())
    assert (found["d/link"].type, found["d/link"].link) == ("link", "file")
    assert (tmp_path / "into" / found["d/file"].sha256).read_bytes() == b"text"


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08garbage", b"PK\x03\x04garbage"])
def test_what_is_no_archive_is_a_clear_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(IntegrityError, match="is not a"):
        list(TREES["url"].index(tree(), tmp_path / "x"))
