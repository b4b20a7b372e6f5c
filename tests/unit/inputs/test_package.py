import pytest

from scs_build.inputs.artefact import Artefact
from scs_build.inputs.deb.package import Package, Relation, parse_relations

STANZA = {
    "Package": "libfoo1", "Version": "1:2.0-1+b1", "Architecture": "amd64", "Source": "foo (2.0-1)",
    "Filename": "pool/main/f/foo/libfoo1_2.0-1_amd64.deb", "SHA256": "a" * 64, "Size": "12",
    "Depends": "libc6 (>= 2.38), debconf | debconf-2.0", "Essential": "yes",
}  # fmt: skip


def test_a_lock_line_gives_the_package_back() -> None:
    package = Package.from_stanza(STANZA)
    line = package.to_artefact("image", "core")
    assert (package.source, package.source_version) == ("foo", "2.0-1")
    assert "provides" not in line.data and line.data["group"] == "core"
    assert Package.from_artefact(Artefact.from_json(line.to_json())) == package


def test_the_source_of_a_package_without_the_field_is_itself() -> None:
    package = Package.from_stanza({k: v for k, v in STANZA.items() if k != "Source"})
    assert (package.source, package.source_version) == ("libfoo1", "1:2.0-1+b1")


def test_a_status_paragraph_holds_the_state_and_no_empty_field() -> None:
    text = Package.from_stanza(STANZA).paragraph(Status="hold ok installed")
    assert "Status: hold ok installed\n" in text and "Provides" not in text and text.endswith("\n")


@pytest.mark.parametrize(
    ("operator", "version", "fits"),
    [("", "", True), (">=", "1.0~rc1", True), (">=", "1.0", True), (">>", "1.0", False),
     ("=", "1.0-1", False), ("<<", "1.0", False), ("<=", "1:0", True)],
)  # fmt: skip
def test_versions_compare_as_dpkg_does(operator: str, version: str, fits: bool) -> None:
    assert Relation("a", operator, version).holds("1.0") is fits


def test_relations_keep_alternatives_together() -> None:
    assert [[str(r) for r in group] for group in parse_relations(STANZA["Depends"])] == [
        ["libc6 (>= 2.38)"], ["debconf", "debconf-2.0"],
    ]  # fmt: skip
