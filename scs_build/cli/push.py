"""`scs-build push`: images into a registry, by digest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scs_build.cli.common import images_argument, layout_of, output_of, output_option
from scs_build.cli.moved import read_wanted, tell, wanted_of
from scs_build.cli.options import Session, refuse_offline, session_options
from scs_build.cli.registries import access_options, manifest_option, place_option, skopeo_for, tag_options

if TYPE_CHECKING:
    from scs_build.oci.registry.access import Access
    from scs_build.oci.registry.address import Place


@click.command()
@images_argument
@place_option("--to", "SCS_BUILD_PUSH_TO", "Where images go: IMAGE becomes REGISTRY/NAMESPACE/IMAGE.")
@tag_options
@manifest_option
@output_option
@access_options
@session_options("series")
def command(
    session: Session, images: tuple[str, ...], place: Place, tags: tuple[str, ...], move_tag: bool,
    manifest: Path | None, output: Path, access: Access,
) -> None:  # fmt: skip
    """Put images into a registry, by digest.

    Exactly the digests of a manifest: copies from the OCI layout in the output folder (where none is named,
    beside the manifest that is) what the registry does not have yet, reads it back by digest, and only then
    lets the tags stand for it. A second run sends nothing; an interrupted one goes on where it was.
    Credentials are those of `skopeo login` or `docker login` ($REGISTRY_AUTH_FILE).
    """
    from scs_build.oci.registry.push import push

    refuse_offline(session)
    found = read_wanted(session, manifest, output)
    wanted = wanted_of(found, images)
    with skopeo_for(session, place, access) as skopeo:
        outcome = push(
            wanted, layout_of(output_of(manifest, output)), place, tags or (found.content.series,), skopeo,
            move_tags=move_tag, jobs=session.jobs, progress=session.progress,
        )  # fmt: skip
    tell(session, outcome, "sent", {"registry": str(place), "manifest": found.digest})
