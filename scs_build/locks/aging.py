"""Locks age: what vanished from every source is locked anew into an overlay, and nothing else.

The overlay is a layer that holds only locks: which lock applies, what stands on it and how all of that is
marked is as with any layer. Its head says which locks it was made over, so that it ends with them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from scs_build.canonical import sha256_file
from scs_build.errors import FetchError, InputError, Location, LockError
from scs_build.files import put_folder
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.kinds import INPUTS
from scs_build.locks.layered import lock_of
from scs_build.locks.lock import LockChange, lock_images, series_images
from scs_build.locks.missing import Pin, find_missing, locked_lines, refuse_unknown
from scs_build.locks.stale import refuse_stale
from scs_build.recipes.catalogue import Catalogue
from scs_build.recipes.lock_overlay import is_overlay, write_head
from scs_build.recipes.models import LockOverlay

if TYPE_CHECKING:
    from scs_build.progress import Progress
    from scs_build.recipes.site import Site
    from scs_build.store.store import Store


class Place(NamedTuple):
    """What is locked: the series of a checkout under layers, for a platform."""

    root: Path
    layers: tuple[Path, ...]
    series: str
    platform: str

    def under(self, overlay: Path | None = None) -> Catalogue:
        """Return the catalogue, with the locks of an overlay over all."""
        return Catalogue.load(self.root, (*self.layers, overlay) if overlay else self.layers)


@dataclass(frozen=True)
class Means:
    """What relocking uses."""

    store: Store
    site: Site
    work: Path
    progress: Progress


def relock(place: Place, vanished: Sequence[Pin], into: Path, means: Means) -> list[LockChange]:
    """Write the overlay `into` with replacements of the pins that vanished; return what changed.

    What the sources still have stays, except other packages of a source that lost one, and what the new
    ones force. `into` is there as a whole or not at all; an overlay that is there is replaced. Raises
    `LockError` when something else lies there, `ResolutionError` or `FetchError` when nothing replaces a pin.
    """
    refuse_other(into)
    part = into.with_name(f".{into.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    (part / "images").mkdir(parents=True)
    try:
        write_head(part, LockOverlay(series=place.series, replaces={}))
        before = place.under()
        names = series_images(before, place.series)
        old = locked_lines(before, place.series, names, place.platform)
        over = place.under(part)
        changes = lock_images(
            over, place.series, (), place.platform, means.site, store=means.store, work=means.work,
            progress=means.progress, upgrade_packages=_freed(before, place.series, vanished, old),
        )  # fmt: skip
        replaces = {c.image: sha256_file(lock_of(before.component(c.image), place.series)) for c in changes}
        write_head(part, LockOverlay(series=place.series, replaces=replaces))
        new = locked_lines(place.under(part), place.series, names, place.platform)
        _refuse_lost(new, {pin.line.sha256 for pin in vanished}, old, means)
        put_folder(part, into)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return changes


def _freed(
    catalogue: Catalogue, series: str, vanished: Iterable[Pin], locked: dict[str, tuple[Artefact, ...]]
) -> set[str]:
    """Return the names of what vanished, and of all that is locked from the same sources."""
    channel = catalogue.series(series)

    def source(line: Artefact) -> tuple[str, str]:
        identity = INPUTS[line.kind].identity(line, channel)
        return identity.family, identity.subject

    sources = {source(pin.line) for pin in vanished}
    return {line.name for lines in locked.values() for line in lines if source(line) in sources}


def _refuse_lost(
    new: dict[str, tuple[Artefact, ...]],
    vanished: set[str],
    old: dict[str, tuple[Artefact, ...]],
    means: Means,
) -> None:
    """Raise `FetchError` when the new locks still name what vanished, or what no source has either."""
    stayed = [(name, li) for name, lines in new.items() for li in lines if li.sha256 in vanished]
    if stayed:
        name, line = stayed[0]
        raise FetchError(
            f"{name}: {line.id} {line.version} vanished, and nothing else satisfies recipe and series",
            solution="name a mirror or a dated archive that has it in the site file, or change the recipe",
        )
    known = {line.sha256 for lines in old.values() for line in lines}
    fresh = {name: [li for li in lines if li.sha256 not in known] for name, lines in new.items()}
    found = find_missing(fresh, means.store, means.site, means.progress)
    refuse_unknown(found)
    if found.gone:
        raise FetchError(
            f"an index names what its mirror has not: {found.gone[0]}",
            solution="run it again when the mirror is complete",
        )


def refuse_other(into: Path) -> None:
    """Raise `LockError` unless a folder is free, or an overlay that may be replaced."""
    if not into.exists() or (into.is_dir() and not any(into.iterdir())):
        return
    if not is_overlay(into):
        raise LockError(
            "something else than an overlay of locks lies there",
            where=Location(str(into)),
            solution="name a folder that is not there, or remove this one",
        )


def fitting_overlay(place: Place, folder: Path, progress: Progress) -> dict[str, tuple[Artefact, ...]] | None:
    """Return the locks of the series with an overlay over them; None unless it is there and fits."""
    if not folder.exists():
        return None
    try:
        catalogue = place.under(folder)
        names = series_images(catalogue, place.series)
        refuse_stale(catalogue, place.series)
        return locked_lines(catalogue, place.series, names, place.platform)
    except InputError as error:
        progress.say(f"the overlay of locks is of no use any more: {error}")
        return None


def whole_overlay(place: Place, folder: Path, means: Means) -> bool:
    """Tell whether an overlay is there, fits these locks, and names nothing that vanished since."""
    locked = fitting_overlay(place, folder, means.progress)
    if locked is None:
        return False
    found = find_missing(locked, means.store, means.site, means.progress)
    refuse_unknown(found)
    return not found.gone
