"""The check `sbom`: a bill of materials in CycloneDX, complete by what package managers see in the image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version

from scs_build import __version__
from scs_build.build.packages import STATUS
from scs_build.canonical import digest_of
from scs_build.evidence.bill import Bill, compose
from scs_build.evidence.check import Check, Finding, Outcome
from scs_build.evidence.cyclonedx import PREDICATE, to_cyclonedx
from scs_build.evidence.licence_policy import policy_of
from scs_build.evidence.subject import Subject

# Raised by whatever changes an outcome for the same image.
FORMAT = 2
INSTALLED = re.compile(r"(?P<name>[^/]+)-(?P<version>[^/-]+)\.dist-info/METADATA")


class BillOfMaterials:
    """Composes the bill of an image and holds it against the image."""

    name = "sbom"
    predicate_type = PREDICATE

    def inputs(self, subject: Subject) -> Mapping[str, str]:
        """Return what the outcome depends on: recipes, whole lock lines, the policy, this program."""
        graph = subject.graph
        steps = graph.image(subject.name).closure().values()
        lines = sorted({a.sha256: a for step in steps for a in step.artefacts}.items())
        return {
            "format": str(FORMAT),
            "key": graph.image(subject.name).key,
            "locks": digest_of([artefact.to_json() for _, artefact in lines]),
            "policy": policy_of(graph.catalogue).sha256,
            "program": f"{__version__} {version('cyclonedx-python-lib')}",
        }

    def run(self, subject: Subject) -> Outcome:
        """Compose the bill; it is the predicate itself. What has no licence is for `licences` to tell."""
        bill = compose(subject)
        findings = sorted((*_unmet(bill), *_inventory(bill)), key=lambda f: (f.rule, f.text))
        return Outcome(to_cyclonedx(bill), tuple(findings))


def make(context: object) -> Check:  # noqa: ARG001 - every check is made in this way
    """Return the check."""
    return BillOfMaterials()


def _unmet(bill: Bill) -> Iterator[Finding]:
    for name, needs in bill.unmet.items():
        for need in needs:
            yield Finding("unmet", "", f"{name} needs {need}, which the image does not hold")


def _inventory(bill: Bill) -> Iterator[Finding]:
    """Compare the bill with the packages that package managers would see in the image."""
    listed = {
        (part.piece.artefact.kind, part.piece.artefact.name, part.piece.artefact.version)
        for part in bill.parts
        if not part.piece.bundled and part.piece.artefact.kind in ("deb", "wheel")
    }
    seen = dict(_installed(bill))
    debs = {(kind, name): number for kind, name, number in listed if kind == "deb"}
    for (kind, name, number), path in seen.items():
        # The status of a Debian package names its version in the file only, which attribution compares.
        known = (kind, name) in debs if kind == "deb" else (kind, name, number) in listed
        if not known:
            yield Finding(
                "inventory", path, f"{name} {number}".strip() + " is in the image and not in the bill"
            )
    there = {(kind, name) for kind, name, _ in seen}
    for kind, name, number in listed:
        if (kind, name) not in there:
            yield Finding("inventory", "", f"{name} {number} is in the bill and not in the image")


def _installed(bill: Bill) -> Iterator[tuple[tuple[str, str, str], str]]:
    """Yield kind, name and version of what dpkg and Python would list, and the path that shows it."""
    from packaging.utils import canonicalize_name

    python = bill.subject.graph.series.python
    site = f"{python.prefix.lstrip('/')}/lib/python{python.version}/site-packages/"
    for path in bill.subject.items:
        folder, _, name = path.rpartition("/")
        if folder == STATUS and not name.endswith(".md5sums"):
            yield ("deb", name, ""), f"/{path}"
        elif path.startswith(site) and (found := INSTALLED.fullmatch(path.removeprefix(site))):
            yield ("wheel", canonicalize_name(found["name"]), found["version"]), f"/{path}"
