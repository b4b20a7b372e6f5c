"""Checks offline that a lock fits its recipe, its series and the locks that it stands on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scs_build.inputs.artefact import Artefact
from scs_build.inputs.kinds import lockers
from scs_build.inputs.locking import Context
from scs_build.locks.files import lock_path, read_lock
from scs_build.locks.requests import request_for
from scs_build.progress import Silent
from scs_build.recipes.site import Site

if TYPE_CHECKING:
    from scs_build.recipes.catalogue import Catalogue


def check_lock(catalogue: Catalogue, series: str, name: str, platform: str) -> list[str]:
    """Return what is wrong with an image's lock, one sentence each; nothing when it fits.

    A lock that is missing or not valid, also one of an image below, raises `LockError`.
    """
    context = Context(
        series=catalogue.series(series), folder=catalogue.series_folder(series), platform=platform,
        site=Site(), work=Path(), progress=Silent(),
    )  # fmt: skip

    def lines(image: str) -> tuple[Artefact, ...]:
        return read_lock(lock_path(catalogue.component(image).folder, series), platform).artefacts

    request = request_for(catalogue, name, lines)
    return [finding for locker in lockers(context) for finding in locker.check(request)]
