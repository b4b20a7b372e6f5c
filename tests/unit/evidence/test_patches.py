"""Evidence about what recipes patch: paths, bills, and what an altered file is still called."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from scs_build.evidence.answers import Answers
from scs_build.evidence.attribution import Attribution, attribute
from scs_build.evidence.bill import compose
from scs_build.evidence.cyclonedx import to_cyclonedx
from scs_build.evidence.sbom import BillOfMaterials
from scs_build.evidence.spdx import to_spdx
from scs_build.inputs.artefact import Artefact
from scs_build.oci.entry import Entry
from tests.unit.evidence.made import SERIES, Made

HEAD = """\
Description: says something else
CVE: CVE-2026-12345
Bug: https://bugs.example.org/7
{origin}
Merged-In: {merged}

"""
UPSTREAM = "Upstream: https://git.example.org/change/1"
CHANGE = (
    "--- a/data\n+++ b/data\n@@ -1 +1 @@\n-data\n+patched\n"
    "--- /dev/null\n+++ b/more\n@@ -0,0 +1 @@\n+new\n"
    "--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n"
)
AGAIN = "--- a/data\n+++ b/data\n@@ -1 +1 @@\n-patched\n+twice\n"
FOLDER = f"images/iaas/app/patches/{SERIES}/tree"
INPUT = (
    "inputs:\n"
    "  - {type: url, name: tree, url: https://example.org/t.tar, version: a, path: /opt/tree, strip: 1}\n"
)
HONEST = {"same": "same\n", "data": "twice\n", "more": "new\n"}


class Patched(Made):
    """An image with an unpacked tree that two patches change."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.recipes["iaas/app"] += INPUT
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            for name in ("data", "gone", "same"):
                info = tarfile.TarInfo(f"top/{name}")
                info.size = len(name) + 1
                archive.addfile(info, io.BytesIO(f"{name}\n".encode()))
        self.inputs = (self.input(stream.getvalue()),)
        self.patch("0001-first", CHANGE)
        self.patch("0002-second", AGAIN, "Forwarded: no, the project is archived", "not yet")

    def input(self, data: bytes) -> Artefact:
        where = {"url": "https://example.org/t.tar", "path": "/opt/tree", "unpack": True, "strip": 1}
        return Artefact("url", "tree", "a", self.store.add_bytes(data), len(data), data=where)

    def patch(self, name: str, diff: str, origin: str = UPSTREAM, merged: str = "b") -> None:
        self.write(f"{FOLDER}/{name}.patch", HEAD.format(origin=origin, merged=merged) + diff)

    def tree(self, **changes: str) -> list[Entry]:
        """Return the tree as an honest build lays it into the image, but for these changes."""
        files = {**HONEST, **changes}
        return [
            Entry(f"opt/tree/{name}", "file", 0o644, content=text.encode()) for name, text in files.items()
        ]


@pytest.fixture
def made(tmp_path: Path) -> Patched:
    return Patched(tmp_path)


def test_what_a_patch_changes_makes_and_removes_is_explained_by_it(made: Patched) -> None:
    subject = made.subject(*made.tree())
    outcome = Attribution().run(subject)
    assert outcome.findings == ()
    assert {p["name"]: p["paths"] for p in outcome.predicate["patches"]} == {
        "0001-first": 2,
        "0002-second": 1,
    }
    rows = {row[0]: row[1:] for row in json.loads(attribute(subject).to_json())}
    assert rows["opt/tree/data"] == ["artefact", "url:tree", "", ["tree/0001-first", "tree/0002-second"]]
    assert rows["opt/tree/more"] == ["artefact", "url:tree", "", ["tree/0001-first"]]
    assert rows["opt/tree/same"] == ["artefact", "url:tree", "", []]


def test_explain_shows_the_artefact_and_the_patch(made: Patched) -> None:
    answers = Answers(attribute(made.subject(*made.tree())))
    data, gone = answers.about("/opt/tree/data"), answers.about("/opt/tree/gone")
    assert data.verdict == "a file of tree a, changed by the patch 0001-first and the patch 0002-second"
    assert data.facts["artefact"] == f"sha256:{made.inputs[0].sha256}"
    assert data.facts["locked"].startswith("images/iaas/app/lock/")
    assert data.facts["patch 0001-first"] == (
        f"{FOLDER}/0001-first.patch: mends CVE-2026-12345, https://bugs.example.org/7;"
        " https://git.example.org/change/1"
    )
    assert data.facts["patch 0002-second"].endswith("not forwarded: no, the project is archived")
    assert (gone.known, gone.verdict) == (True, "tree a has it; the patch 0001-first removes it")
    assert not [name for name in answers.about("/opt/tree/same").facts if name.startswith("patch")]


@pytest.mark.parametrize(
    ("changes", "rule", "path"),
    [
        ({"data": "data\n"}, "altered", "/opt/tree/data"),
        ({"data": "patched\n"}, "altered", "/opt/tree/data"),
        ({"more": "old\n"}, "altered", "/opt/tree/more"),
        ({"gone": "gone\n"}, "unexplained", "/opt/tree/gone"),
        ({"same": "other\n"}, "altered", "/opt/tree/same"),
    ],
)
def test_a_patch_that_was_not_applied_or_half_or_not_alone_is_found(
    made: Patched, changes: dict[str, str], rule: str, path: str
) -> None:
    (finding,) = Attribution().run(made.subject(*made.tree(**changes))).findings
    assert (finding.rule, finding.path) == (rule, path)
    if rule == "altered" and path != "/opt/tree/same":
        assert "brings it with the patch 0001-first" in finding.text


def component(document: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (each for each in document["components"] if each["name"] == name)
    return dict(found)


def test_bills_have_each_patch_with_what_it_mends_and_the_change_upstream(made: Patched) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    document = to_cyclonedx(compose(made.subject(*made.tree())))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is None
    first, second = component(document, "tree")["pedigree"]["patches"]
    assert (first["type"], second["type"]) == ("backport", "unofficial")
    assert first["diff"]["text"]["content"] == (made.root / FOLDER / "0001-first.patch").read_text()
    assert (first["diff"]["url"], "url" in second["diff"]) == ("https://git.example.org/change/1", False)
    assert {(each["type"], each["id"], each["description"]) for each in first["resolves"]} == {
        ("security", "CVE-2026-12345", "says something else"),
        ("defect", "https://bugs.example.org/7", "says something else"),
    }
    others = [each for each in document["components"] if each["name"] != "tree"]
    assert not [each for each in others if each.get("pedigree", {}).get("patches")]


def test_a_patch_in_another_encoding_is_in_the_bill_byte_by_byte(made: Patched) -> None:
    path = made.root / FOLDER / "0002-second.patch"
    path.write_bytes(path.read_bytes().replace(b"+twice", b"+tw\xeece"))
    document = to_cyclonedx(compose(made.subject(*made.tree())))
    text = component(document, "tree")["pedigree"]["patches"][1]["diff"]["text"]
    assert (text["encoding"], base64.b64decode(text["content"])) == ("base64", path.read_bytes())


def test_spdx_has_each_patch_as_a_file_that_was_applied(made: Patched, tmp_path: Path) -> None:
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    document = to_spdx(compose(made.subject(*made.tree())))
    (tmp_path / "bill.spdx.json").write_text(json.dumps(document))
    assert validate_full_spdx_document(parse_file(str(tmp_path / "bill.spdx.json"))) == []
    assert [file["fileName"] for file in document["files"]] == [
        "./patches/tree/0001-first.patch", "./patches/tree/0002-second.patch",
    ]  # fmt: skip
    assert document["files"][0]["comment"] == (
        "says something else; mends CVE-2026-12345, https://bugs.example.org/7;"
        " https://git.example.org/change/1; merged in: b"
    )
    (tree,) = (package for package in document["packages"] if package["name"] == "tree")
    applied = [r for r in document["relationships"] if r["relationshipType"] == "PATCH_APPLIED"]
    assert [(r["spdxElementId"], r["relatedSpdxElement"]) for r in applied] == [
        (file["SPDXID"], tree["SPDXID"]) for file in document["files"]
    ]


def test_outcomes_depend_on_the_patches(made: Patched) -> None:
    before = made.subject(*made.tree())
    made.patch("0002-second", AGAIN, "Forwarded: no, nobody answers there", "not yet")
    after = made.subject(*made.tree())
    for check in (Attribution(), BillOfMaterials()):
        assert check.inputs(before) != check.inputs(after)
