"""A bill of materials as SPDX 2.3 in JSON, for those who read that: the same content as the CycloneDX one."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha1
from typing import Any

from scs_build import __version__
from scs_build.canonical import sha256_bytes
from scs_build.evidence.bill import Bill, Part
from scs_build.evidence.expressions import REFERENCE, licences_in
from scs_build.evidence.licence_policy import policy_of
from scs_build.inputs.artefact import Artefact
from scs_build.recipes.patches.patch import Patch

NOT_SAID = "NOASSERTION"
NAMESPACE = "https://scs.community/spdx"


def to_spdx(bill: Bill) -> dict[str, Any]:
    """Return the document as plain values."""
    subject = bill.subject
    packages = {part.ref: _part(part) for part in bill.parts}
    tools = [_package(tool.artefact, tool.purl, f"tool {tool.artefact.sha256}") for tool in bill.tools]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{subject.name} {subject.graph.series.name}",
        "documentNamespace": f"{NAMESPACE}/{subject.name}/{subject.digest.removeprefix('sha256:')}",
        "creationInfo": {
            "created": subject.config["created"],
            "creators": [f"Tool: scs-build-{__version__}"],
        },
        "packages": [_image(bill), *packages.values(), *tools],
        "files": [_patch(patch) for patch in _patches(bill)],
        "relationships": list(_relationships(bill, packages, tools)),
        "hasExtractedLicensingInfos": list(_references(bill)),
    }


def _image(bill: Bill) -> dict[str, Any]:
    subject = bill.subject
    return {
        "SPDXID": "SPDXRef-image",
        "name": subject.name,
        "versionInfo": subject.graph.series.name,
        "summary": subject.component.recipe.description,
        "primaryPackagePurpose": "CONTAINER",
        "checksums": [_checksum(subject.digest.removeprefix("sha256:"))],
        **_unsaid(),
    }


def _part(part: Part) -> dict[str, Any]:
    """Return one thing that the image is made of as a package."""
    piece, licence, origin = part.piece, part.licence, part.piece.identity.origin
    package = _package(piece.artefact, piece.identity.purl, part.ref)
    if piece.bundled:
        del package["checksums"]  # what is bundled in an artefact has no hash of its own
        package["sourceInfo"] = f"bundled in: {piece.source.built.name} {piece.source.built.version}"
    elif origin:
        package["sourceInfo"] = f"built package from: {origin.name} {origin.version}"
    elif piece.source.compiled:
        package["sourceInfo"] = f"compiled from the sdist with sha256 {piece.source.artefact.sha256}"
    if licence.expression:
        package["licenseConcluded"] = licence.expression
        package["licenseDeclared"] = licence.expression if licence.basis == "declared" else NOT_SAID
    optional = {"summary": piece.description.summary, "homepage": piece.description.homepage}
    return package | {name: value for name, value in optional.items() if value}


def _package(artefact: Artefact, purl: str, name: str) -> dict[str, Any]:
    reference = {
        "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl,
    }  # fmt: skip
    return {
        # Identifiers may hold few characters: the hash of what the part is called stands for it.
        "SPDXID": f"SPDXRef-{sha256_bytes(name.encode())[:40]}",
        "name": artefact.name,
        "versionInfo": artefact.version,
        "checksums": [_checksum(artefact.sha256)],
        "externalRefs": [reference],
        **_unsaid(),
    }


def _unsaid() -> dict[str, Any]:
    return {
        "downloadLocation": NOT_SAID,
        "filesAnalyzed": False,
        "licenseConcluded": NOT_SAID,
        "licenseDeclared": NOT_SAID,
        "copyrightText": NOT_SAID,
    }


def _checksum(sha256: str) -> dict[str, str]:
    return {"algorithm": "SHA256", "checksumValue": sha256}


def _relationships(
    bill: Bill, packages: dict[str, dict[str, Any]], tools: list[dict[str, Any]]
) -> Iterator[dict[str, str]]:
    yield _relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-image")
    for part in bill.parts:
        own = packages[part.ref]["SPDXID"]
        yield _relation("SPDXRef-image", "CONTAINS", own)
        for ref in part.needs:
            kind = "CONTAINS" if ref.startswith(f"{part.piece.artefact.name}/") else "DEPENDS_ON"
            yield _relation(own, kind, packages[ref]["SPDXID"])
        for patch in part.patches:
            yield _relation(_patch_id(patch), "PATCH_APPLIED", own)
    for tool in tools:
        yield _relation(tool["SPDXID"], "BUILD_TOOL_OF", "SPDXRef-image")


def _patches(bill: Bill) -> dict[Patch, None]:
    return dict.fromkeys(patch for part in bill.parts for patch in part.patches)


def _patch(patch: Patch) -> dict[str, Any]:
    """Return a patch as a file: what it does and mends, and the change upstream, are its comment."""
    mends, head = ", ".join(patch.mends), patch.header
    return {
        "SPDXID": _patch_id(patch),
        "fileName": f"./patches/{patch.target}/{patch.name}.patch",
        "fileTypes": ["SOURCE"],
        # The format wants SHA-1 of every file.
        "checksums": [
            {"algorithm": "SHA1", "checksumValue": sha1(patch.text, usedforsecurity=False).hexdigest()},
            _checksum(patch.sha256),
        ],
        "licenseConcluded": NOT_SAID,
        "copyrightText": NOT_SAID,
        "comment": f"{head.description}; mends {mends}; {patch.change}; merged in: {head.merged_in}",
    }


def _patch_id(patch: Patch) -> str:
    return f"SPDXRef-patch-{sha256_bytes(f'{patch.target} {patch.name} {patch.sha256}'.encode())[:40]}"


def _relation(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def _references(bill: Bill) -> Iterator[dict[str, str]]:
    """Yield what licences without an SPDX identifier are: why they are free, and where their texts lie."""
    own = policy_of(bill.subject.graph.catalogue).model.own
    used: dict[str, set[str]] = {}
    for part in bill.parts:
        expression = part.licence.expression
        for key in licences_in(expression) if expression else ():
            if key.startswith(REFERENCE):
                used.setdefault(key, set()).update(text.path for text in part.licence.texts)
    for key, paths in sorted(used.items()):
        where = f" The text is in the image: {', '.join(sorted(paths))}." if paths else ""
        yield {"licenseId": key, "name": key, "extractedText": f"{own[key]}.{where}"}
