"""`scs-build pull`: the images of a manifest from a registry, by digest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scs_build.cli.common import images_argument, layout_of, manifest_of, output_option
from scs_build.cli.moved import read_wanted, tell, wanted_of
from scs_build.cli.options import Session, refuse_offline, session_options
from scs_build.cli.registries import access_options, manifest_option, place_option, skopeo_for

if TYPE_CHECKING:
    from scs_build.oci.registry.access import Access
    from scs_build.oci.registry.address import Place


@click.command()
@images_argument
@place_option("--from", "SCS_BUILD_PULL_FROM", "Where images are: IMAGE is REGISTRY/NAMESPACE/IMAGE.")
@manifest_option
@output_option
@access_options
@session_options("series")
def command(
    session: Session, images: tuple[str, ...], place: Place, manifest: Path | None, output: Path,
    access: Access,
) -> None:  # fmt: skip
    """Fetch the images of a manifest from a registry, by digest.

    They go into the OCI layout in the output folder, through the store; what one of them holds does not
    come again, and an interrupted run goes on where it was. Every byte is hashed: a registry cannot change an
    image, it can only fail to deliver. With all of a manifest's images there, the manifest is put beside
    them, and `scs-build verify` needs no network.
    """
    from scs_build.errors import ManifestError
    from scs_build.manifest.manifest import write_manifest
    from scs_build.manifest.verify import inconsistencies
    from scs_build.oci.registry.pull import pull

    refuse_offline(session)
    found = read_wanted(session, manifest, output)
    wanted = wanted_of(found, images)
    series = found.content.series
    with skopeo_for(session, place, access) as skopeo:
        outcome = pull(
            wanted, place, layout_of(output), series, session.store, skopeo,
            jobs=session.jobs, progress=session.progress,
        )  # fmt: skip
    arrived = [image for image in found.content.images if image.name in {i.name for i in outcome.images}]
    wrong = [text for image in arrived for text in inconsistencies(image, layout_of(output))]
    if wrong:
        raise ManifestError("\n".join(wrong), solution="fetch the manifest again from where it came")
    if len(arrived) == len(found.content.images):
        write_manifest(found, manifest_of(output, series))
    tell(session, outcome, "received", {"registry": str(place), "manifest": found.digest})
