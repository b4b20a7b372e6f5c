"""The evidence index of a manifest: which statement says what of which image, and is it still there?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from scs_build.canonical import sha256_bytes
from scs_build.evidence.publish import statement_path
from scs_build.evidence.statement import Statement, StatementError
from scs_build.evidence.task import Verdict
from scs_build.manifest.manifest import Evidence, Manifest


def with_verdicts(manifest: Manifest, verdicts: Iterable[Verdict]) -> Manifest:
    """Return the manifest with the verdicts about its images in the index, in place of older ones.

    Verdicts about images that it does not have, or has with another digest, are left out.
    """
    index = {(entry.image, entry.check): entry for entry in manifest.evidence}
    for verdict in verdicts:
        image = manifest.image(verdict.image)
        if image is not None and image.digest == verdict.digest:
            index[verdict.image, verdict.check] = Evidence(
                image=verdict.image,
                check=verdict.check,
                predicate_type=verdict.predicate_type,
                digest=verdict.statement,
                ok=verdict.ok,
            )
    return manifest.model_copy(update={"evidence": tuple(index[pair] for pair in sorted(index))})


def with_evidence_of(manifest: Manifest, older: Manifest) -> Manifest:
    """Return the manifest with what an older one of the same images knows: those whose digest is the same."""
    digests = {image.name: image.digest for image in older.content.images}
    same = {image.name for image in manifest.content.images if digests.get(image.name) == image.digest}
    kept = tuple(entry for entry in older.evidence if entry.image in same)
    return manifest.model_copy(update={"evidence": kept})


def verify_evidence(manifest: Manifest, folder: Path) -> list[str]:
    """Return what is wrong with the statements in `folder`, in the order of the index."""
    problems = ((entry, _problem(manifest, entry, folder)) for entry in manifest.evidence)
    return [f"{entry.image}: {entry.check}: {problem}" for entry, problem in problems if problem]


def _problem(manifest: Manifest, entry: Evidence, folder: Path) -> str | None:
    image = manifest.image(entry.image)
    if image is None:
        return "the manifest has no such image"
    path = statement_path(folder, image.digest, entry.check, entry.digest)
    try:
        data = path.read_bytes()
    except OSError as error:
        return f"the statement {path} cannot be read: {error.strerror}"
    if (found := f"sha256:{sha256_bytes(data)}") != entry.digest:
        return f"the statement {path} has the digest {found}, not {entry.digest}"
    try:
        statement = Statement.from_bytes(data)
    except StatementError as error:
        return f"{path} {error}"
    if statement.digest != image.digest:
        return f"the statement is about {statement.digest}, the image is {image.digest}"
    if (statement.name, statement.predicate_type) != (entry.image, entry.predicate_type):
        return f"the statement says {statement.predicate_type} of {statement.name}"
    return None
