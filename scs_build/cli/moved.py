"""What push, pull and load share: which images of a manifest are meant, and how the result reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scs_build.cli.common import manifest_there
from scs_build.cli.options import Session
from scs_build.cli.output import print_result, seconds, size, table

if TYPE_CHECKING:
    from scs_build.errors import ScsBuildError
    from scs_build.manifest.manifest import Manifest
    from scs_build.oci.registry.images import Outcome, Wanted


def read_wanted(session: Session, path: Path | None, output: Path) -> Manifest:
    """Return the manifest that names the digests; raises `ManifestError` when somebody changed it."""
    from scs_build.errors import Location, ManifestError
    from scs_build.manifest.manifest import content_digest, read_manifest

    path = path or manifest_there(session, output)
    found = read_manifest(path)
    if content_digest(found.content) != found.digest:
        raise ManifestError(
            f"its content has the digest {content_digest(found.content)}, not {found.digest}",
            where=Location(str(path)),
            solution="somebody changed it: fetch it again from where it came",
        )
    return found


def wanted_of(manifest: Manifest, names: Sequence[str]) -> list[Wanted]:
    """Return the images of a manifest that were asked for (no names: all), those with few layers first."""
    from scs_build.errors import UnknownNameError
    from scs_build.oci.registry.images import Wanted
    from scs_build.recipes.explain import series_apart

    known = [image.name for image in manifest.content.images]
    if unknown := [name for name in names if name not in known]:
        raise UnknownNameError(
            f"the manifest names no image {', '.join(unknown)}",
            solution=series_apart(unknown[0], known) or f"it names {', '.join(known)}",
        )
    images = sorted(manifest.content.images, key=lambda image: (len(image.layers), image.name))
    return [
        Wanted(image.name, image.digest, {layer.digest: layer.bytes for layer in image.layers})
        for image in images
        if not names or image.name in names
    ]


def tell(session: Session, outcome: Outcome, verb: str, facts: dict[str, Any]) -> None:
    """Print what arrived and what failed, and end with the exit code of the failures."""
    from scs_build.cli.ends import report_all

    answer = {
        **facts,
        "seconds": round(outcome.seconds, 3),
        "images": [
            {
                "name": image.name,
                "digest": image.digest,
                "reference": image.reference,
                "action": image.action,
                f"bytes_{verb}": image.moved,
                "bytes_there": image.skipped,
                "seconds": round(image.seconds, 3),
                "names": list(image.names),
            }
            for image in outcome.images
        ],
        "failures": [{"name": name, **error.to_json()} for name, error in outcome.failures.items()],
    }
    print_result(answer, outcome_text(outcome, verb), as_json=session.json)
    if outcome.failures:
        raise SystemExit(report_all(_grouped(outcome.failures)))


def _grouped(failures: Mapping[str, ScsBuildError]) -> dict[str, ScsBuildError]:
    """Return one error for all images that need the same mending."""
    groups: dict[tuple[type[ScsBuildError], str | None], list[str]] = {}
    for name, error in failures.items():
        groups.setdefault((type(error), error.solution), []).append(name)
    return {", ".join(names): failures[names[0]] for names in groups.values()}


def outcome_text(outcome: Outcome, verb: str) -> str:
    """Return what arrived as a table, and a line that sums it up."""
    listed = table(
        ("image", "", "time", verb, "there", "reference"),
        [
            (i.name, i.action, seconds(i.seconds), size(i.moved), size(i.skipped), i.reference)
            for i in outcome.images
        ],
        right=(2, 3, 4),
    )
    moved = sum(image.moved for image in outcome.images)
    skipped = sum(image.skipped for image in outcome.images)
    count = f"{len(outcome.images)} image{'s' if len(outcome.images) != 1 else ''}"
    failed = f", {len(outcome.failures)} failed" if outcome.failures else ""
    bytes_ = f"{size(moved)} {verb}, {size(skipped)} there already"
    end = f"{count}{failed}, {bytes_}, in {seconds(outcome.seconds)}"
    return "\n\n".join(filter(None, (listed, end)))
