"""Checks offline that a lock fits its recipe, its series and the locks that it stands on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scs_build.errors import Location
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.kinds import lockers
from scs_build.inputs.locking import Finding, Request
from scs_build.locks.files import artefact_rows, read_own_lock
from scs_build.locks.fitting import place_of, unlike
from scs_build.locks.layered import lock_of
from scs_build.locks.limits import context_of
from scs_build.locks.requests import request_for

if TYPE_CHECKING:
    from scs_build.recipes.catalogue import Catalogue


def check_lock(catalogue: Catalogue, series: str, name: str, platform: str) -> list[str]:
    """Return what is wrong with an image's lock, one sentence each after its place; nothing when it fits.

    A lock that is missing or not valid, also one of an image below, raises `LockError`.
    """
    context = context_of(catalogue, series, platform)

    def lines(image: str) -> tuple[Artefact, ...]:
        return read_own_lock(lock_of(catalogue.component(image), series), platform).artefacts

    request = request_for(catalogue, name, lines)
    component = catalogue.component(name)
    path = lock_of(component, series)
    shown = catalogue.shown(path)
    findings = [finding for locker in lockers(context) for finding in locker.check(request)]
    rows = artefact_rows(path, platform) if findings else []
    placed = [(_place(shown, finding, request, rows), finding.reason) for finding in findings]
    # What lines do not show: they are closed, and were locked for something else.
    differences = [] if findings else unlike(catalogue, component, read_own_lock(path, platform))
    placed += [
        (place_of(catalogue, component, series, each), f"changed after it was locked: {each}")
        for each in differences
    ]
    return [f"{place}: {reason}" for place, reason in sorted(placed, key=lambda pair: pair[0].line or 0)]


def _place(shown: Path, finding: Finding, request: Request, rows: list[int]) -> Location:
    """Return where the line at fault stands, if it is one line."""
    number = next((n for n, line in enumerate(request.locked) if line is finding.line), len(rows))
    return Location(str(shown), rows[number] if number < len(rows) else None)
