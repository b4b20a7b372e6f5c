"""Bills of materials: what is in them, valid by the schemas, the same for the same image, and findings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scs_build.evidence.bill import Bill, compose
from scs_build.evidence.cyclonedx import source_fields, to_cyclonedx
from scs_build.evidence.licences import Licences
from scs_build.evidence.sbom import BillOfMaterials
from scs_build.evidence.spdx import to_spdx
from scs_build.inputs.description import Origin
from scs_build.oci.entry import Entry
from tests.unit.evidence.made import SITE, Made, metadata

ALPHA = "pkg:deb/debian/alpha@1.0?arch=amd64&distro=trixie"
BETA = "pkg:deb/debian/beta@1.1?arch=amd64&distro=trixie"
SOURCE = "pkg:deb/debian/alpha-src@1:0.9-1?arch=source&distro=trixie"


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


@pytest.fixture
def bill(made: Made) -> Bill:
    return compose(made.subject())


def component(document: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (each for each in document["components"] if each["name"] == name)
    return dict(found)


def properties(found: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in found["properties"]}


def test_cyclonedx_is_valid_by_its_schema(bill: Bill) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(to_cyclonedx(bill))) is None


def test_spdx_is_valid_for_a_reader_that_is_not_ours(bill: Bill, tmp_path: Path) -> None:
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    (tmp_path / "bill.spdx.json").write_text(json.dumps(to_spdx(bill)))
    document = parse_file(str(tmp_path / "bill.spdx.json"))
    assert validate_full_spdx_document(document) == []
    names = {package.name for package in document.packages}
    assert names == {"app", "alpha", "beta", "dep", "inner", "libc-bin"}


def test_a_debian_package_has_what_trivy_needs(bill: Bill) -> None:
    found = component(to_cyclonedx(bill), "beta")
    assert (found["purl"], found["version"], found["type"]) == (BETA, "1.1", "library")
    assert found["licenses"] == [{"expression": "GPL-2.0-or-later", "acknowledgement": "declared"}]
    (beta,) = (part.piece for part in bill.parts if part.piece.artefact.name == "beta")
    assert found["hashes"] == [{"alg": "SHA-256", "content": beta.artefact.sha256}]
    assert found["externalReferences"] == [{"type": "website", "url": "https://example.org/"}]
    (ancestor,) = found["pedigree"]["ancestors"]
    assert (ancestor["name"], ancestor["version"], ancestor["purl"]) == ("alpha-src", "1:0.9-1", SOURCE)
    assert properties(found) == {
        "scs-build:lock": "base",
        "aquasecurity:trivy:LayerDiffID": bill.subject.config["rootfs"]["diff_ids"][0],
        "aquasecurity:trivy:PkgType": "debian",
        "aquasecurity:trivy:SrcName": "alpha-src",
        "aquasecurity:trivy:SrcEpoch": "1",
        "aquasecurity:trivy:SrcVersion": "0.9",
        "aquasecurity:trivy:SrcRelease": "1",
    }


def test_the_image_and_the_operating_system_are_components(bill: Bill) -> None:
    document = to_cyclonedx(bill)
    image = document["metadata"]["component"]
    assert (image["type"], image["name"], image["version"]) == ("container", "app", "2026.1")
    assert image["purl"].startswith("pkg:oci/app@sha256:")
    system = component(document, "debian")
    assert (system["type"], system["version"]) == ("operating-system", "13.8")
    assert properties(system) == {"aquasecurity:trivy:Class": "os-pkgs", "aquasecurity:trivy:Type": "debian"}


def test_dependencies_are_resolved_within_the_image(bill: Bill) -> None:
    edges = {each["ref"]: each.get("dependsOn", []) for each in to_cyclonedx(bill)["dependencies"]}
    assert edges[BETA] == [ALPHA]
    assert edges["pkg:pypi/app@1.0"] == ["pkg:pypi/dep@2.0"]
    # dep needs app only with the extra that app asks for; what is bundled belongs to it.
    assert edges["pkg:pypi/dep@2.0"] == ["dep/pkg:pypi/inner@3.0", "pkg:pypi/app@1.0"]
    assert edges[bill.subject.digest] == ["os:debian@13.8", ALPHA, BETA, "pkg:pypi/app@1.0"]


def test_what_is_bundled_is_a_component_and_says_in_what(bill: Bill) -> None:
    found = component(to_cyclonedx(bill), "inner")
    assert "hashes" not in found and found["purl"] == "pkg:pypi/inner@3.0"
    assert properties(found)["scs-build:bundled-in"] == "dep 2.0"
    assert properties(found)["aquasecurity:trivy:FilePath"].startswith(
        f"{SITE}/dep/_vendor/inner-3.0.dist-info"
    )


def test_tools_are_what_shaped_bytes_and_is_not_kept(bill: Bill) -> None:
    tools = to_cyclonedx(bill)["metadata"]["tools"]["components"]
    assert [tool["name"] for tool in tools] == ["libc-bin", "scs-build", "deflate"]


def test_the_same_image_gives_the_same_document(made: Made) -> None:
    one, other = (compose(made.subject()) for _ in range(2))
    assert to_cyclonedx(one) == to_cyclonedx(other)
    assert to_spdx(one) == to_spdx(other)
    changed = compose(made.subject(Entry("usr/lib/beta.txt", "file", 0o644, content=b"another\n")))
    assert to_cyclonedx(changed)["serialNumber"] != to_cyclonedx(one)["serialNumber"]
    assert to_cyclonedx(one)["metadata"]["timestamp"] == "2026-04-01T00:00:00+00:00"


def test_an_honest_image_has_no_findings(made: Made) -> None:
    outcome = BillOfMaterials().run(made.subject())
    assert outcome.findings == () and outcome.predicate["bomFormat"] == "CycloneDX"


def found(made: Made, *changes: Entry, without: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    return [(f.rule, f.text) for f in BillOfMaterials().run(made.subject(*changes, without=without)).findings]


def test_what_the_bill_does_not_know_is_found(made: Made) -> None:
    stray = Entry(f"{SITE}/stray_one-4.0.dist-info/METADATA", "file", 0o644, content=metadata("stray", "4.0"))
    status = Entry("var/lib/dpkg/status.d/gamma", "file", 0o644, content=b"Package: gamma\n")
    assert found(made, stray, status) == [
        ("inventory", "gamma is in the image and not in the bill"),
        ("inventory", "stray-one 4.0 is in the image and not in the bill"),
    ]


def test_what_the_image_does_not_hold_is_found(made: Made) -> None:
    gone = ("var/lib/dpkg/status.d/beta", f"{SITE}/app-1.0.dist-info/METADATA")
    assert found(made, without=gone) == [
        ("inventory", "app 1.0 is in the bill and not in the image"),
        ("inventory", "beta 1.1 is in the bill and not in the image"),
    ]


def test_a_need_that_nothing_fulfils_is_found(made: Made) -> None:
    made.app["app-1.0.dist-info/METADATA"] = metadata("app", "1.0", "License: MIT", "Requires-Dist: dep>=3")
    assert found(made) == [("unmet", "wheel:app needs dep>=3, which the image does not hold")]


def test_a_component_without_a_licence_is_told_by_the_check_of_licences_alone(made: Made) -> None:
    made.app["app-1.0.dist-info/METADATA"] = metadata("app", "1.0", "Requires-Dist: dep")
    assert found(made) == []
    assert [finding.rule for finding in Licences().run(made.subject()).findings] == ["unknown"]


def test_the_inputs_change_with_any_field_of_a_lock_line(made: Made) -> None:
    before = BillOfMaterials().inputs(made.subject())
    made.source = "other-src"
    after = BillOfMaterials().inputs(made.subject())
    # The step's key knows nothing of the source package, and the bill names it.
    assert {name for name in before if before[name] != after[name]} == {"locks"}


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        ("1:2.3-4", {"Epoch": "1", "Version": "2.3", "Release": "4"}),
        ("2.3", {"Epoch": "", "Version": "2.3", "Release": ""}),
        ("2-3-4~deb13u1", {"Epoch": "", "Version": "2-3", "Release": "4~deb13u1"}),
    ],
)
def test_versions_of_sources_are_taken_apart(version: str, fields: dict[str, str]) -> None:
    assert source_fields(Origin("s", version, "")) == {"Name": "s", **fields}
