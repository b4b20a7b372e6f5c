import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from scs_build.errors import IntegrityError
from scs_build.inputs.artefact import Artefact, Member
from scs_build.inputs.deb.deb import control, extract, md5sums
from scs_build.inputs.kinds import INPUTS

ANY = Artefact("deb", "a", "1", "0" * 64, 1)
CONTENT = b"content\n"


def tar(names: list[tuple[str, bytes, bytes, str]], mode: str = "w:xz") -> bytes:
    """Return an archive of (name, type, content, link)."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, kind, content, link in names:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname, info.mode = kind, len(content), link, 0o4755
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def deb(path: Path, data: list[tuple[str, bytes, bytes, str]]) -> Path:
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.xz": tar([("./control", tarfile.REGTYPE, b"Package: a\n", "")]),
        "data.tar.xz": tar(data),
    }
    blob = b"!<arch>\n"
    for name, content in members.items():
        blob += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode() + content
        blob += b"\n" * (len(content) % 2)
    path.write_bytes(blob)
    return path


DATA = [
    ("./", tarfile.DIRTYPE, b"", ""),
    ("./usr/", tarfile.DIRTYPE, b"", ""),
    ("./usr/a", tarfile.REGTYPE, CONTENT, ""),
    ("./usr/b", tarfile.LNKTYPE, b"", "./usr/a"),
    ("./usr/c", tarfile.SYMTYPE, b"", "../etc/c"),
]


def test_a_deb_is_indexed_with_types_modes_and_links(tmp_path: Path) -> None:
    found = list(INPUTS["deb"].index(ANY, deb(tmp_path / "a.deb", DATA)))
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert found == [
        Member("usr", "dir", 0o4755),
        Member("usr/a", "file", 0o4755, size=len(CONTENT), sha256=digest),
        Member("usr/b", "hardlink", 0o4755, link="usr/a"),
        Member("usr/c", "link", 0o4755, link="../etc/c"),
    ]


def test_a_deb_has_control_data(tmp_path: Path) -> None:
    path = deb(tmp_path / "a.deb", DATA)
    assert (control(path), md5sums(path)) == ("Package: a\n", b"")


def test_extracting_leaves_what_the_index_says(tmp_path: Path) -> None:
    extract(deb(tmp_path / "a.deb", DATA), tmp_path / "root")
    root = tmp_path / "root"
    assert (root / "usr/a").read_bytes() == CONTENT
    assert (root / "usr/b").samefile(root / "usr/a") and (root / "usr/c").is_symlink()


@pytest.mark.parametrize("name", ["../evil", "./usr/../../evil"])
def test_a_member_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    path = deb(tmp_path / "a.deb", [(name, tarfile.REGTYPE, b"x", "")])
    with pytest.raises(IntegrityError):
        extract(path, tmp_path / "root")


def test_a_path_below_a_link_that_leads_outside_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "root").mkdir()
    data = [("d", tarfile.SYMTYPE, b"", str(outside)), ("d/evil", tarfile.REGTYPE, b"x", "")]
    with pytest.raises(IntegrityError, match="leads out"):
        extract(deb(tmp_path / "a.deb", data), tmp_path / "root")
    assert not list(outside.iterdir())


@pytest.mark.parametrize("kind", ["deb", "wheel", "sdist"])
def test_garbage_is_a_clear_error(tmp_path: Path, kind: str) -> None:
    (tmp_path / "x").write_bytes(b"no archive at all")
    with pytest.raises(IntegrityError, match="is not a"):
        list(INPUTS[kind].index(ANY, tmp_path / "x"))


def test_a_wheel_is_indexed_with_modes(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as archive:
        info = zipfile.ZipInfo("a.data/scripts/run")
        info.external_attr = 0o100755 << 16
        archive.writestr(info, CONTENT)
        archive.writestr(zipfile.ZipInfo("a/__init__.py"), b"")
    modes = {m.path: m.mode for m in INPUTS["wheel"].index(ANY, tmp_path / "a.whl")}
    assert modes["a.data/scripts/run"] == 0o755 and modes["a/__init__.py"] in (0o600, 0o644)
