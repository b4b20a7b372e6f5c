"""`scs-build build`: images from their locks."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scs_build.cli.common import (
    graph_of,
    images_argument,
    layout_of,
    manifest_of,
    names_of,
    options_of,
    output_option,
)
from scs_build.cli.hints import call_args, repeated
from scs_build.cli.options import Session, session_options
from scs_build.cli.output import marked, print_result, seconds, size, table

if TYPE_CHECKING:
    from scs_build.build.build import BuildResult, BuiltImage
    from scs_build.manifest.manifest import Manifest
    from scs_build.plan.graph import Graph


@click.command()
@images_argument
@output_option
@session_options("series", "platform")
def command(session: Session, images: tuple[str, ...], output: Path) -> None:
    """Build images from their locks.

    Only what its inputs changed is built; `scs-build plan` says what that is. Everything is fetched and
    checked first, then built without a network. Images are put into an OCI layout, and the manifest
    of the series beside it once every image of it is there. An interrupted build continues where it was.
    """
    result, manifest = build_images(session, images, output)
    print_result(result.to_json(), result_text(result, output, manifest), as_json=session.json)
    if result.failures:
        from scs_build.cli.ends import report_all

        raise SystemExit(report_all(result.failures))


def build_images(session: Session, images: tuple[str, ...], output: Path) -> tuple[BuildResult, Path | None]:
    """Build, put the images into the output folder, and the manifest beside them.

    Returns what was built, and the manifest, where the folder has every image of the series now as it is to
    be. Else one that is there stays, and whose images were replaced is told.
    """
    from scs_build.build.build import build
    from scs_build.manifest.manifest import make_manifest
    from scs_build.oci.layout import write_layout

    graph = graph_of(session)
    result = build(graph, session.store, names_of(session, images), options_of(session), session.progress)
    write_layout(
        session.store, layout_of(output), {f"{i.name}:{result.series}": i.digest for i in result.images}
    )
    path = manifest_of(output, result.series)
    if not (whole := whole_series(session, graph, result, output)):
        _tell_replaced(session, result, path)
        return result, None
    _write_manifest(make_manifest(graph, whole), path)
    return result, path


def whole_series(session: Session, graph: Graph, result: BuildResult, output: Path) -> list[BuiltImage]:
    """Return every image of the series; none where the layout lacks one as its recipe and lock make it."""
    from scs_build.build.build import there
    from scs_build.errors import InputError
    from scs_build.oci.layout import references

    listed, made = references(layout_of(output)), {image.name: image for image in result.images}
    whole: list[BuiltImage] = []
    with suppress(InputError):  # one without a fitting lock cannot be there as it is to be
        for name in names_of(session, ()):
            image = made.get(name) or there(graph, session.store, name)
            if image is None or listed.get(f"{name}:{result.series}") != image.digest:
                return []
            whole.append(image)
        return whole
    return []


def _tell_replaced(session: Session, result: BuildResult, path: Path) -> None:
    """Say which images a manifest that stays as it is names otherwise than they are in the layout now."""
    from scs_build.errors import InputError
    from scs_build.manifest.manifest import read_manifest

    with suppress(InputError):  # none is there
        known = {image.name: image.digest for image in read_manifest(path).content.images}
        others = [i.name for i in result.images if known.get(i.name, i.digest) != i.digest]
        if others:
            hint = repeated("`scs-build build`", call_args())
            told = f"{path} is from before, with another {', '.join(others)}"
            session.progress.say(f"warning: {told}: {hint} builds the rest and writes it anew")


def _write_manifest(manifest: Manifest, path: Path) -> None:
    """Write the manifest of a series; what is known about images that stayed the same is kept."""
    from scs_build.errors import InputError
    from scs_build.manifest.evidence import with_evidence_of
    from scs_build.manifest.manifest import read_manifest, write_manifest

    # A manifest that is not there or cannot be read knows nothing.
    with suppress(InputError):
        manifest = with_evidence_of(manifest, read_manifest(path))
    write_manifest(manifest, path)


def result_text(result: BuildResult, output: Path, manifest: Path | None) -> str:
    """Return what was built as a table, and where it lies; `manifest` is where one was written."""
    rows = []
    for image in result.images:
        line = image.to_json()
        packed = sum(layer["bytes"] for layer in line["layers"])
        spent = seconds(image.seconds) if image.action == "build" else "-"
        done = "built" if image.action == "build" else "there"
        name = marked(image.name, image.origin)
        rows.append((name, done, spent, size(line["unpacked_bytes"]), size(packed), image.digest))
    made = table(("image", "", "time", "unpacked", "packed", "digest"), rows, right=(2, 3, 4))
    built = sum(image.action == "build" for image in result.images)
    end = f"{built} built, {len(result.images) - built} there already, in {seconds(result.seconds)}"
    lies = f"images in {layout_of(output)}" + (f", manifest of the series {manifest}" if manifest else "")
    return "\n\n".join(filter(None, (made, f"{end}; {lies}")))
