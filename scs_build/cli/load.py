"""`scs-build load`: images into a Docker daemon."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scs_build.cli.common import images_argument, layout_of, output_of, output_option
from scs_build.cli.moved import read_wanted, tell, wanted_of
from scs_build.cli.options import Session, session_options
from scs_build.cli.registries import manifest_option, place_option, tag_options

if TYPE_CHECKING:
    from scs_build.oci.registry.address import Place


@click.command()
@images_argument
@place_option("--as", "SCS_BUILD_LOAD_AS", "Name IMAGE as in this registry; else just IMAGE.", required=False)
@tag_options
@manifest_option
@output_option
@session_options("series")
def command(
    session: Session, images: tuple[str, ...], place: Place | None, tags: tuple[str, ...], move_tag: bool,
    manifest: Path | None, output: Path,
) -> None:  # fmt: skip
    """Put images into the Docker daemon.

    Exactly those of a manifest, from the OCI layout in the output folder (where none is named, beside the
    manifest that is). The daemon is the one of DOCKER_HOST, or of the current Docker context. It
    knows an image by the digest of its configuration, which the image's own manifest names (by that of the
    manifest, where containerd keeps the images): that is checked, then the image gets its name. A second
    run sends nothing.
    """
    from scs_build.oci.registry.load import load

    found = read_wanted(session, manifest, output)
    outcome = load(
        wanted_of(found, images), layout_of(output_of(manifest, output)), found.content.platform,
        place.repository if place else str, tags or (found.content.series,),
        move_tags=move_tag, jobs=session.jobs, progress=session.progress,
    )  # fmt: skip
    tell(session, outcome, "sent", {"manifest": found.digest})
