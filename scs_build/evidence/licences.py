"""The check `licences`: every artefact has a licence, it is free, and its text is in the image."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from scs_build.evidence.check import Check, Finding, Outcome
from scs_build.evidence.expressions import licences_in, unfree
from scs_build.evidence.licence import Licence, licences_of
from scs_build.evidence.licence_policy import FILE, Policy, entries_for, policy_of
from scs_build.evidence.paths import real_path
from scs_build.evidence.pieces import Piece, pieces_of
from scs_build.evidence.proposal import proposed_entry, same_text
from scs_build.evidence.sources import placed_path, sources_of
from scs_build.evidence.subject import Subject
from scs_build.recipes.document import Pointer

# Raised by whatever changes an outcome for the same image.
FORMAT = 1
COMMON = "/usr/share/common-licenses"
# SPDX identifiers of licences whose whole text Debian's base-files brings, and the file's name.
_GNU = re.compile(r"(A?GPL|LGPL|GFDL)-(\d)\.(\d)(-no-invariants)?-(only|or-later)")
_COMMON = {
    "Apache-2.0": "Apache-2.0", "Artistic-1.0-Perl": "Artistic", "Artistic-2.0": "Artistic-2.0",
    "BSL-1.0": "BSL-1.0", "CC0-1.0": "CC0-1.0", "MPL-1.1": "MPL-1.1", "MPL-2.0": "MPL-2.0",
    "OFL-1.1": "OFL-1.1",
}  # fmt: skip


class Licences:
    """Judges the licences of an image by `policy/licences.yaml`."""

    name = "licences"
    predicate_type = "https://scs.community/attestation/licences/v1"

    def inputs(self, subject: Subject) -> Mapping[str, str]:
        """Return what the outcome depends on: recipes and locks (by the image's key), and the policy."""
        policy = policy_of(subject.graph.catalogue)
        key = subject.graph.image(subject.name).key
        return {"format": str(FORMAT), "key": key, "policy": policy.sha256}

    def run(self, subject: Subject) -> Outcome:
        """Judge every artefact that the image keeps."""
        policy = policy_of(subject.graph.catalogue)
        pieces = _pieces(subject)
        licences = licences_of(policy, pieces)
        findings = [f for piece in pieces for f in _judged(subject, policy, piece, licences[piece.id])]
        ordered = sorted(findings, key=lambda f: (f.rule, f.path, f.text))
        return Outcome(_predicate(subject, policy, pieces, licences), tuple(ordered))


def make(context: object) -> Check:  # noqa: ARG001 - every check is made in this way
    """Return the check."""
    return Licences()


def _pieces(subject: Subject) -> tuple[Piece, ...]:
    return tuple(pieces_of(subject, sources_of(subject.graph, subject.store, subject.name)))


def _judged(subject: Subject, policy: Policy, piece: Piece, licence: Licence) -> Iterator[Finding]:
    """Find what is wrong with the licence of one artefact."""
    path = next(iter(_text_paths(subject, piece, licence)), _said_in(piece))
    if not licence.expression:
        yield Finding("unknown", path, _unknown(policy, piece, licence))
    elif wrong := unfree(licence.expression, (*policy.model.free, *policy.own), policy.model.exceptions):
        text = f"{piece.title} has {licence.expression}: {FILE} does not say that {', '.join(wrong)} is free"
        yield Finding("not-free", path, text)
    for pointer in licence.needless:
        text = (
            f"{policy.where(*pointer)} is not needed: an earlier entry counts, or {piece.title} says no such"
        )
        yield Finding("stale", path, text)
    yield from _texts(subject, policy, piece, licence)


def _texts(subject: Subject, policy: Policy, piece: Piece, licence: Licence) -> Iterator[Finding]:
    """Find licence texts that are not in the image, and excuses for such that are."""
    items = subject.items
    for text in licence.texts:
        path = placed_path(subject.graph, piece.source, text.path)
        if path not in items or items[path].sha256 != text.sha256:
            yield Finding("no-text", f"/{path}", f"the licence text of {piece.title} is not in the image")
    for place in licence.refers:
        if not _is_there(subject, place):
            yield Finding("no-text", place, f"the licence text of {piece.title} points to it")
    excuses = entries_for(policy.model.without_text, piece.artefact, piece.identity)
    if not _brings_none(subject, policy, licence):
        for index, _ in excuses:
            where = policy.where("without_text", index)
            yield Finding(
                "stale", _said_in(piece), f"{where} is not needed: the text of {piece.title} is in the image"
            )
    else:
        reason = excuses[0][1].reason if excuses else ""
        yield Finding("no-text", _said_in(piece), f"{piece.title} brings no licence text", reason)


def _brings_none(subject: Subject, policy: Policy, licence: Licence) -> bool:
    """Tell whether neither the artefact nor Debian's common licences have the text."""
    return not licence.texts and not (licence.expression and _is_common(subject, policy, licence.expression))


def _is_common(subject: Subject, policy: Policy, expression: str) -> bool:
    """Tell whether the image holds the whole text of a licence as one of Debian's common ones."""
    there = [key for key in licences_in(expression) if _is_there(subject, common_text(key))]
    return not unfree(expression, there, policy.model.exceptions)


def common_text(identifier: str) -> str:
    """Return where Debian's base-files would have the whole text of a licence; empty for most."""
    name = _COMMON.get(identifier, "")
    if gnu := _GNU.fullmatch(identifier):
        family, major, minor = gnu[1], gnu[2], gnu[3]
        name = f"{family}-{major}" + (f".{minor}" if minor != "0" or family == "AGPL" else "")
    return f"{COMMON}/{name}" if name else ""


def _is_there(subject: Subject, path: str) -> bool:
    """Tell whether a path leads to a file of the image, links followed."""
    found = subject.items.get(real_path(subject.items, path.lstrip("/"))) if path else None
    return found is not None and found.type in ("file", "hardlink")


def _said_in(piece: Piece) -> str:
    """Return where the image has what the artefact says about itself."""
    return f"/{piece.path}" if piece.path else ""


def _text_paths(subject: Subject, piece: Piece, licence: Licence) -> list[str]:
    """Return where the licence texts of an artefact lie in the image."""
    return [f"/{placed_path(subject.graph, piece.source, text.path)}" for text in licence.texts]


def _unknown(policy: Policy, piece: Piece, licence: Licence) -> str:
    """Say what is missing, and what to write where."""
    read = licence.unread or licence.said
    says = (
        f"says {', '.join(f'`{word[:60]}`' for word in read)}"
        if read
        else "says nothing that a program can read"
    )
    outdated = "".join(f"; {policy.where(*pointer)} is about another text" for pointer in licence.outdated)
    same = "".join(
        f"; {policy.where('stated', index)} is about the same text" for index in same_text(policy, licence)
    )
    entry = proposed_entry(policy, piece, licence)
    texts = ", ".join(text.sha256 for text in licence.texts) or "none"
    mend = f"state its licence in {FILE}" + (f", under `stated`:{entry}" if entry else "")
    return f"{piece.title} {says}{outdated}{same} (text: {texts}); {mend}"


def entries_used(subject: Subject, policy: Policy) -> set[Pointer]:
    """Return the entries of the policy that an image needs."""
    pieces = _pieces(subject)
    licences = licences_of(policy, pieces)
    used = {pointer for licence in licences.values() for pointer in licence.used}
    for piece in pieces:
        if _brings_none(subject, policy, licences[piece.id]):
            excuses = entries_for(policy.model.without_text, piece.artefact, piece.identity)
            used |= {("without_text", index) for index, _ in excuses}
    return used


def entries_unused(policy: Policy, used: Collection[Pointer]) -> list[str]:
    """Return the entries of the policy that no image of any series needs, one sentence each."""
    model = policy.model
    entries: list[Pointer] = [("names", name) for name in model.names]
    entries += [("stated", index) for index in range(len(model.stated))]
    entries += [("without_text", index) for index in range(len(model.without_text))]
    return [f"{policy.where(*entry)}: no image needs this entry" for entry in entries if entry not in used]


def _predicate(
    subject: Subject, policy: Policy, pieces: Sequence[Piece], licences: Mapping[str, Licence]
) -> dict[str, Any]:
    counted = Counter(
        key for each in licences.values() if each.expression for key in licences_in(each.expression)
    )
    return {
        "format": FORMAT,
        "image": subject.name,
        "series": subject.graph.series.name,
        "policy": policy.sha256,
        "licences": dict(sorted(counted.items())),
        "artefacts": [
            {
                "id": piece.id,
                "version": piece.artefact.version,
                "licence": licence.expression,
                "basis": licence.basis,
                "says": list(licence.said),
                "texts": _text_paths(subject, piece, licence),
            }
            for piece in pieces
            for licence in [licences[piece.id]]
        ],
    }
