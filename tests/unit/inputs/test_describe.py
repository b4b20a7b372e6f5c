"""What artefacts say about themselves: copyright files, metadata of wheels, names, places, dependencies."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from scs_build.canonical import sha256_bytes
from scs_build.errors import IntegrityError
from scs_build.inputs.artefact import Artefact, Member, Notes
from scs_build.inputs.deb.copyright import referred, statements
from scs_build.inputs.deb.edges import deb_edges
from scs_build.inputs.description import Description, Statement, Text
from scs_build.inputs.kinds import INPUTS
from scs_build.inputs.python.describe import describe_wheel
from scs_build.inputs.python.edges import python_edges
from scs_build.inputs.python.installed import installed
from scs_build.recipes.models import DebianChannel, PythonChannel, Series
from tests.unit.evidence.made import COPYRIGHT, deb, metadata, wheel

PYTHON = PythonChannel(version="3.13", manylinux="2_41", prefix="/opt/venv")
SITE = "opt/venv/lib/python3.13/site-packages"
SERIES = Series(
    format=1, name="2026.1", released="2026-04-01", constraints="c.txt",
    debian=DebianChannel(release="trixie", suites=("trixie",)), python=PYTHON,
)  # fmt: skip


def package(name: str, version: str = "1", **data: str) -> Artefact:
    fields = {"path": "p", "architecture": "amd64", "source": name, "source_version": version, **data}
    return Artefact("deb", name, version, "0" * 64, 1, data=fields)


def describe(tmp_path: Path, kind: str, name: str, content: bytes) -> Description:
    (tmp_path / "artefact").write_bytes(content)
    found = INPUTS[kind].describe(Artefact(kind, name, "1", "0" * 64, 1), tmp_path / "artefact")
    assert Description.from_json(found.to_json()) == found
    return found


def test_a_deb_states_what_its_copyright_file_states(tmp_path: Path) -> None:
    text = COPYRIGHT.format(licence="GPL-2+").encode()
    found = describe(tmp_path, "deb", "a", deb("a", "1", {"usr/share/doc/a/copyright": text}))
    assert found.statements == (Statement("debian", "GPL-2+"),)
    assert [each.path for each in found.texts] == ["usr/share/doc/a/copyright"]
    assert found.refers == ("/usr/share/common-licenses/GPL-2",)
    assert (found.summary, found.homepage) == ("a itself", "https://example.org/")


@pytest.mark.parametrize(
    "data",
    [
        {"usr/share/doc/a": "b"},
        {"usr/share/doc/a": "/usr/share/doc/b"},
        {"usr/share/doc/a/copyright": "../b/copyright"},
    ],
)
def test_a_deb_may_point_to_the_text_of_another_one(tmp_path: Path, data: dict[str, bytes | str]) -> None:
    found = describe(tmp_path, "deb", "a", deb("a", "1", data))
    assert (found.texts_of, found.texts) == ("b", ())


@pytest.mark.parametrize(
    "data",
    [
        {"usr/a": b"x", "usr/share/doc/a/copyright": COPYRIGHT.format(licence="GPL-2+").encode()},
        {"usr/share/doc/a/copyright": b"By hand. \xff\xfe\r\n\x85"},
        {"usr/share/doc/a": "b"},
        {"usr/share/doc/a/copyright": "../b/copyright"},
        {"usr/share/doc/b/copyright": b"of another package"},
    ],
)
def test_what_is_noted_while_a_deb_is_indexed_is_what_reading_it_shows(
    tmp_path: Path, data: dict[str, bytes | str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, artefact = tmp_path / "artefact", package("a")
    path.write_bytes(deb("a", "1", data))
    read = INPUTS["deb"].describe(artefact, path)
    notes: Notes = {}
    assert list(INPUTS["deb"].index(artefact, path, notes)) == list(INPUTS["deb"].index(artefact, path))
    assert bool(notes) is any("doc/a" in name for name in data)
    if notes:  # nothing is read again
        monkeypatch.setattr("scs_build.inputs.deb.copyright.opened", None)
    assert INPUTS["deb"].describe(artefact, path, json.loads(json.dumps(notes))) == read


def test_a_deb_without_a_copyright_file_says_nothing(tmp_path: Path) -> None:
    found = describe(tmp_path, "deb", "a", deb("a", "1", {"usr/a": b""}))
    assert (found.texts, found.statements, found.texts_of) == ((), (), "")


def test_texts_that_no_program_can_read_state_nothing() -> None:
    assert statements(b"It was put together by hand.\n") == ()
    assert statements(b"\xff\xfe") == ()


def test_common_licences_are_found_wherever_they_end() -> None:
    common = "/usr/share/common-licenses"
    text = f"see `{common}/GPL-2', {common}/LGPL-2.1.\n{common}/ ."
    assert referred(text.encode()) == (f"{common}/GPL-2", f"{common}/LGPL-2.1")


def test_a_wheel_states_every_form(tmp_path: Path) -> None:
    head = metadata(
        "A.b", "1", "License: BSD", "Classifier: License :: OSI Approved :: MIT License",
        "Classifier: License :: OSI Approved", "License-File: NOTES", "Home-page: https://example.org",
        "Requires-Dist: c>=1",
    )  # fmt: skip
    found = describe(
        tmp_path, "wheel", "a-b",
        wheel({
            "a-1.dist-info/METADATA": head,
            "a-1.dist-info/LICENSE.txt": b"x",
            "a-1.dist-info/AUTHORS": b"x",
            "a-1.dist-info/licenses/NOTES": b"x",
            "a-1.dist-info/licenses/AUTHORS.md": b"x",
            "a-1.dist-info/entry_points.txt": b"[console_scripts]\nRun = a:b\n[other]\nx = a:b\n",
            "a/LICENSE": b"x",
        }),
    )  # fmt: skip
    assert found.statements == (Statement("field", "BSD"), Statement("classifier", "MIT License"))
    assert [each.path for each in found.texts] == [
        "a-1.dist-info/LICENSE.txt",
        "a-1.dist-info/licenses/NOTES",
    ]
    assert (found.programs, found.needs, found.homepage) == (("Run",), ("c>=1",), "https://example.org")


def test_an_expression_replaces_older_forms(tmp_path: Path) -> None:
    head = metadata("a", "1", "License: BSD", "License-Expression: MIT")
    found = describe(tmp_path, "wheel", "a", wheel({"a-1.dist-info/METADATA": head}))
    assert found.statements == (Statement("expression", "MIT"),)


def test_what_is_bundled_is_described_too(tmp_path: Path) -> None:
    content = wheel({
        "a/_vendor/B_c-2.dist-info/METADATA": metadata("B_c", "2", "License: MIT"),
        "a-1.dist-info/METADATA": metadata("a", "1"),
    })  # fmt: skip
    (inner,) = describe(tmp_path, "wheel", "a", content).bundled
    assert (inner.name, inner.version, inner.description.path) == (
        "b-c",
        "2",
        "a/_vendor/B_c-2.dist-info/METADATA",
    )
    assert inner.description.statements == (Statement("field", "MIT"),)


@pytest.mark.parametrize("files", [{}, {"a.py": b""}, {"a-1.dist-info/METADATA": b"Summary: no name\n"}])
def test_a_wheel_without_metadata_is_a_clear_error(tmp_path: Path, files: dict[str, bytes]) -> None:
    (tmp_path / "a.whl").write_bytes(wheel(files))
    with pytest.raises(IntegrityError, match="is not a wheel with metadata"):
        describe_wheel(tmp_path / "a.whl")


def test_a_broken_wheel_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"PK no zip")
    with pytest.raises(IntegrityError):
        describe_wheel(tmp_path / "a.whl")


@pytest.mark.parametrize(
    ("path", "mode", "place", "placed"),
    [
        ("a/b.py", 0o664, f"{SITE}/a/b.py", 0o644),
        ("a/b.so", 0o775, f"{SITE}/a/b.so", 0o755),
        ("a-1.data/scripts/run", 0o644, "opt/venv/bin/run", 0o755),
        ("a-1.data/data/etc/x", 0o600, "opt/venv/etc/x", 0o644),
        ("a-1.data/purelib/a.py", 0o644, f"{SITE}/a.py", 0o644),
        ("a-1.data/platlib/a.py", 0o644, f"{SITE}/a.py", 0o644),
        ("a-1.data/headers/a.h", 0o644, "opt/venv/include/site/python3.13/a/a.h", 0o644),
    ],
)
def test_members_of_wheels_have_their_places(path: str, mode: int, place: str, placed: int) -> None:
    assert installed(Member(path, "file", mode, size=1), "a", PYTHON) == Member(place, "file", placed, size=1)


def test_every_kind_has_a_package_url() -> None:
    found = INPUTS["deb"].identity(package("libc++", "1:2+b1", source="gcc", source_version="1:2"), SERIES)
    assert found.purl == "pkg:deb/debian/libc%2B%2B@1:2%2Bb1?arch=amd64&distro=trixie"
    assert found.origin and found.origin.purl == "pkg:deb/debian/gcc@1:2?arch=source&distro=trixie"
    assert (found.family, found.subject) == ("source", "gcc")
    python = INPUTS["wheel"].identity(Artefact("wheel", "oslo-config", "1.0", "0" * 64, 1), SERIES)
    assert (python.purl, python.family) == ("pkg:pypi/oslo-config@1.0", "distribution")
    url = Artefact(
        "url", "x", "1", "0" * 64, 1, data={"url": "https://example.org/x", "path": "/opt", "unpack": True}
    )
    assert INPUTS["url"].identity(url, SERIES).purl.startswith("pkg:generic/x@1?checksum=sha256:0000")
    member = Member("a/b", "file", 0o600)
    assert list(INPUTS["url"].placed(url, [member], PYTHON)) == [Member("opt/a/b", "file", 0o644)]


def test_needs_of_debian_packages_are_resolved() -> None:
    kept = [
        package("a", depends="b (>= 1), c | d, virtual, gone, e (>= 9)", pre_depends="a"),
        package("b", "2"), package("d"), package("p", provides="virtual"), package("e"),
    ]  # fmt: skip
    edges = deb_edges(kept, [package("f", provides="gone")], {"f"})
    assert edges.needs["a"] == {"b", "d", "p"}
    assert edges.unmet == {"a": ["e (>= 9)"]}
    assert deb_edges(kept, [], {"gone"}).unmet == edges.unmet
    assert deb_edges(kept, [package("f", provides="gone")], ()).unmet == {"a": ["gone", "e (>= 9)"]}


def test_needs_of_distributions_follow_extras_and_markers() -> None:
    needs = {
        "a": ('b; python_version < "3"', "c[x]", 'd; extra == "y"'),
        "b": (),
        "c": ('d; extra == "x"', 'e; extra == "z"'),
        "d": ("a",),
    }
    edges = python_edges(needs, dict.fromkeys(needs, "1.0"), ["a>=1"], PYTHON, "linux/amd64")
    assert edges.needs == {"a": {"c"}, "b": set(), "c": {"d"}, "d": {"a"}}
    assert edges.unmet == {}
    edges = python_edges(needs, dict.fromkeys(needs, "1.0"), ["a[y]", "C[z]>=2", "q"], PYTHON, "linux/amd64")
    assert edges.needs["a"] == {"c", "d"}
    assert edges.unmet == {"the recipe": ["c[z]>=2", "q"], "c": ["e"]}


def test_a_wheel_is_a_zip_whose_names_may_be_folders(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a-1.dist-info/licenses/", b"")
        archive.writestr("a-1.dist-info/METADATA", metadata("a", "1"))
    assert describe(tmp_path, "wheel", "a", stream.getvalue()).texts == ()


def test_of_a_tree_the_licence_texts_are_those_with_customary_names(tmp_path: Path) -> None:
    path = tmp_path / "tool.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in (
            "t/LICENSE",
            "t/lib/COPYING.LIB",
            "t/Licences",
            "t/licensed.py",
            "t/main.py",
        ):
            archive.writestr(name, name)
    data = {"url": "https://example.org/tool.zip", "path": "/opt/tool", "unpack": True}
    found = INPUTS["url"].describe(Artefact("url", "tool", "1", "0" * 64, 1, "image", data), path)
    assert {text.path for text in found.texts} == {
        "t/LICENSE",
        "t/lib/COPYING.LIB",
        "t/Licences",
    }
    assert sha256_bytes(b"t/LICENSE") in {text.sha256 for text in found.texts}
    assert found.statements == ()


def test_a_single_file_is_its_own_licence_text(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(b"#!/bin/sh\n# Apache-2.0\n")
    digest = sha256_bytes(path.read_bytes())
    data = {"url": "https://example.org/start.sh", "path": "/usr/bin/start"}
    found = INPUTS["url"].describe(
        Artefact("url", "start", "1", digest, path.stat().st_size, "image", data), path
    )
    assert found.texts == (Text("start.sh", digest),)
