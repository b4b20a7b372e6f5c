"""What has to be fetched for an artefact, whatever its kind."""

from __future__ import annotations

from scs_build.inputs.artefact import Artefact
from scs_build.inputs.kinds import INPUTS
from scs_build.recipes.site import Site
from scs_build.store.fetcher import Download


def download_of(artefact: Artefact, site: Site) -> Download:
    """Return the download of an artefact; its sources are asked for only when it is missing."""
    urls = INPUTS[artefact.kind].urls
    name = f"{artefact.name} {artefact.version}"
    return Download(artefact.sha256, artefact.size, name, lambda: urls(artefact, site))
