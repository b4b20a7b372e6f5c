"""A bill of materials as CycloneDX 1.6: the same for the same image, with what trivy needs to read it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from scs_build import __version__
from scs_build.evidence.bill import Bill, Part, Tool
from scs_build.inputs.description import Origin
from scs_build.oci.layer import DEFLATE_VERSION
from scs_build.recipes.patches.patch import Patch

if TYPE_CHECKING:
    from cyclonedx.model import AttachedText, HashType, Property
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, Pedigree
    from cyclonedx.model.component import Patch as CyclonePatch

PREDICATE = "https://cyclonedx.org/bom"
# Names of properties: ours, and those by which trivy finds the source package that advisories are about.
OURS, TRIVY = "scs-build:", "aquasecurity:trivy:"
TYPES = {"deb": "debian", "pypi": "python-pkg"}


def to_cyclonedx(bill: Bill) -> dict[str, Any]:
    """Return the document as plain values."""
    from cyclonedx.output.json import JsonV1Dot6

    document: dict[str, Any] = json.loads(JsonV1Dot6(_bom(bill)).output_as_string())
    return document


def _bom(bill: Bill) -> Bom:
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.tool import ToolRepository

    subject = bill.subject
    image = _image(bill)
    parts = {part.ref: _component(part) for part in bill.parts}
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, subject.digest),
        metadata=BomMetaData(
            timestamp=datetime.fromisoformat(subject.config["created"]).astimezone(UTC),
            component=image,
            tools=ToolRepository(components=[*_own_tools(), *map(_tool, bill.tools)]),
        ),
        components=parts.values(),
    )
    system = _system(bill)
    if system:
        bom.components.add(system)
    bom.register_dependency(image, [*(parts[ref] for ref in bill.requested), *([system] if system else [])])
    for part in bill.parts:
        bom.register_dependency(parts[part.ref], [parts[ref] for ref in part.needs])
    return bom


def _image(bill: Bill) -> Component:
    from cyclonedx.model import Property
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    subject = bill.subject
    recipe = subject.component.recipe
    platform = subject.graph.platform.split("/")
    return Component(
        type=ComponentType.CONTAINER,
        name=subject.name,
        version=subject.graph.series.name,
        bom_ref=subject.digest,
        description=recipe.description,
        purl=PackageURL("oci", None, subject.name, subject.digest, {"arch": platform[1]}),
        hashes=[_sha256(subject.digest)],
        properties=[
            Property(name=f"{TRIVY}DiffID", value=diff_id) for diff_id in subject.config["rootfs"]["diff_ids"]
        ],
    )


def _component(part: Part) -> Component:
    """Return one artefact as a component."""
    from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.license import LicenseAcknowledgement, LicenseExpression
    from packageurl import PackageURL

    acknowledged = {"declared": LicenseAcknowledgement.DECLARED, "stated": LicenseAcknowledgement.CONCLUDED}
    piece, licence, homepage = part.piece, part.licence, part.piece.description.homepage
    website = ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(homepage)) if homepage else None
    return Component(
        type=ComponentType.LIBRARY,
        name=piece.artefact.name,
        version=piece.artefact.version,
        bom_ref=part.ref,
        description=piece.description.summary or None,
        purl=PackageURL.from_string(piece.identity.purl),
        # What is bundled in an artefact has no hash of its own.
        hashes=[] if piece.bundled else [_sha256(piece.artefact.sha256)],
        licenses=[LicenseExpression(licence.expression, acknowledgement=acknowledged[licence.basis])]
        if licence.expression
        else (),
        external_references=[website] if website else (),
        properties=list(_properties(part)),
        pedigree=_pedigree(part),
    )


def _sha256(digest: str) -> HashType:
    from cyclonedx.model import HashAlgorithm, HashType

    return HashType(alg=HashAlgorithm.SHA_256, content=digest.removeprefix("sha256:"))


def _properties(part: Part) -> Iterator[Property]:
    """Yield whose lock has the artefact, and what trivy needs to know of it."""
    from cyclonedx.model import Property

    identity, source = part.piece.identity, part.piece.source
    kind = identity.purl.removeprefix("pkg:").partition("/")[0]
    values = {
        f"{OURS}lock": source.image,
        f"{OURS}bundled-in": f"{source.built.name} {source.built.version}" if part.piece.bundled else "",
        # Debian packages are known by their status, which has no member of the package.
        f"{TRIVY}FilePath": "" if kind == "deb" else part.piece.path,
        f"{TRIVY}LayerDiffID": part.layer,
        f"{TRIVY}PkgType": TYPES.get(kind, ""),
    }
    if identity.origin and kind == "deb":
        values |= {f"{TRIVY}Src{name}": value for name, value in source_fields(identity.origin).items()}
    for name, value in values.items():
        if value:
            yield Property(name=name, value=value)


def source_fields(origin: Origin) -> dict[str, str]:
    """Return a Debian source package in the fields of trivy; what is empty is left out there."""
    from debian.debian_support import Version

    version = Version(origin.version)
    return {
        "Name": origin.name,
        "Epoch": version.epoch or "",
        "Version": version.upstream_version,
        "Release": version.debian_revision or "",
    }


def _pedigree(part: Part) -> Pedigree | None:
    """Return what the artefact was made from - a source package, an sdist - and the patches on the way."""
    from cyclonedx.model.component import Component, ComponentType, Pedigree
    from packageurl import PackageURL

    piece, ancestors = part.piece, []
    origin = piece.identity.origin
    if origin:
        ancestors.append(
            Component(
                type=ComponentType.LIBRARY, name=origin.name, version=origin.version,
                purl=PackageURL.from_string(origin.purl),
            )
        )  # fmt: skip
    if piece.source.compiled and not piece.bundled:
        locked = piece.source.artefact
        ancestors.append(
            Component(
                type=ComponentType.LIBRARY, name=locked.name, version=locked.version,
                purl=PackageURL.from_string(piece.identity.purl), hashes=[_sha256(locked.sha256)],
            )
        )  # fmt: skip
    if not ancestors and not part.patches:
        return None
    return Pedigree(ancestors=ancestors, patches=map(_patch, part.patches))


def _patch(patch: Patch) -> CyclonePatch:
    """Return a patch with its text, the change upstream, and each thing that it mends."""
    from cyclonedx.model import XsUri
    from cyclonedx.model.component import Diff, PatchClassification
    from cyclonedx.model.component import Patch as CyclonePatch
    from cyclonedx.model.issue import IssueClassification, IssueType

    security, defect = IssueClassification.SECURITY, IssueClassification.DEFECT
    upstream = patch.header.upstream
    return CyclonePatch(
        type=PatchClassification.BACKPORT if patch.backport else PatchClassification.UNOFFICIAL,
        diff=Diff(text=_text(patch.text), url=XsUri(upstream) if upstream else None),
        resolves=[
            IssueType(
                type=security if issue.startswith("CVE-") else defect, id=issue,
                description=patch.header.description,
            )
            for issue in patch.mends
        ],
    )  # fmt: skip


def _text(text: bytes) -> AttachedText:
    from cyclonedx.model import AttachedText, Encoding

    try:
        return AttachedText(content=text.decode())
    except UnicodeDecodeError:
        return AttachedText(content=b64encode(text).decode(), encoding=Encoding.BASE_64)


def _system(bill: Bill) -> Component | None:
    """Return the operating system in the form in which trivy writes and reads it."""
    from cyclonedx.model import Property
    from cyclonedx.model.component import Component, ComponentType

    name, version = bill.system
    if not name:
        return None
    properties = [Property(name=f"{TRIVY}Class", value="os-pkgs"), Property(name=f"{TRIVY}Type", value=name)]
    return Component(
        type=ComponentType.OPERATING_SYSTEM, name=name, version=version, bom_ref=f"os:{name}@{version}",
        properties=properties,
    )  # fmt: skip


def _tool(tool: Tool) -> Component:
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    return Component(
        type=ComponentType.APPLICATION, name=tool.artefact.name, version=tool.artefact.version,
        bom_ref=f"tool:{tool.artefact.sha256}", purl=PackageURL.from_string(tool.purl),
        hashes=[_sha256(tool.artefact.sha256)],
    )  # fmt: skip


def _own_tools() -> Iterator[Component]:
    """Yield this program, and the one library of its own environment that shapes bytes."""
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    yield Component(type=ComponentType.APPLICATION, name="scs-build", version=__version__)
    yield Component(
        type=ComponentType.LIBRARY, name="deflate", version=DEFLATE_VERSION,
        purl=PackageURL("pypi", None, "deflate", DEFLATE_VERSION),
    )  # fmt: skip
