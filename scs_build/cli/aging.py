"""Pins that vanished: `scs-build lock --missing`, and what quickstart does about them by itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from scs_build.cli.options import Session
from scs_build.cli.output import print_result, table
from scs_build.errors import FetchError, OfflineError
from scs_build.recipes.lock_overlay import is_overlay

if TYPE_CHECKING:
    from scs_build.locks.aging import Means, Place
    from scs_build.locks.lock import LockChange
    from scs_build.locks.missing import Pin, Reachability

_T = TypeVar("_T")

NOT_PINNED = "what is built now is NOT the pinned release: digests differ from it where marked."


def report_missing(session: Session, images: tuple[str, ...]) -> None:
    """Print which pins no source has any more, also those that the store holds; finding some is no error."""
    found = _look(session, images, every=True)
    print_result(_answer(session, found, [], None), _report(session, found), as_json=session.json)


def overlay_missing(session: Session, into: Path) -> None:
    """Lock what vanished and is not in the store into an overlay, and print what replaces it."""
    from scs_build.locks.aging import refuse_other

    refuse_other(into)
    found = _look(session, ())
    changes, overlay = [], None
    if found.gone:
        changes, overlay = _make(session, found, into), into
    text = _replaced(found.gone, changes, into) if overlay else _report(session, found)
    if not overlay:
        text += "\nno overlay is needed" if not found.unknown else ""
    print_result(_answer(session, found, changes, overlay), text, as_json=session.json)


def with_overlay(session: Session, act: Callable[[Session], _T], folder: Path) -> tuple[_T, Path | None]:
    """Return what `act` returns, and the overlay that it took: none unless pins have vanished.

    Only when something could not be fetched is asked whether it vanished; then `folder` becomes the
    overlay, a warning says so, and it is tried again. Offline nobody is asked: an overlay that is there and
    fits is taken. What failed for another reason is raised.
    """
    from scs_build.locks.aging import fitting_overlay, whole_overlay

    if session.lock_overlay_option:
        return act(session), None
    try:
        done = act(session)
        if is_overlay(folder):  # of another day: what it stood for is there again
            shutil.rmtree(folder)
        return done, None
    except OfflineError:
        if not fitting_overlay(_place(session), folder, session.progress):
            raise
        for line in (f"pins of the release are not in the store: the overlay {folder} is taken", NOT_PINNED):
            session.progress.say(f"WARNING: {line}")
        return act(session.with_locks(folder)), folder
    except FetchError:
        found = _look(session, ())
        if not found.gone:
            raise

    changes: Sequence[LockChange] = ()
    if not whole_overlay(_place(session), folder, _means(session)):
        changes = _make(session, found, folder)
    for line in _warning(found.gone, changes, folder):
        session.progress.say(line)
    return act(session.with_locks(folder)), folder


def _warning(gone: Sequence[Pin], changes: Sequence[LockChange], folder: Path) -> list[str]:
    return [
        f"WARNING: {len(gone)} pins of the release have vanished from every source:",
        *(f"WARNING:   {line}" for line in _replaced(gone, changes, folder).splitlines()),
        f"WARNING: {NOT_PINNED}",
    ]


def _place(session: Session) -> Place:
    from scs_build.locks.aging import Place

    return Place(session.root, session.recipes, session.series, session.platform)


def _means(session: Session) -> Means:
    from scs_build.locks.aging import Means

    work = session.store.root / "indices" / session.series
    return Means(session.store, session.site, work, session.progress)


def _look(session: Session, images: tuple[str, ...], *, every: bool = False) -> Reachability:
    from scs_build.locks.lock import series_images
    from scs_build.locks.missing import find_missing, locked_lines

    if session.offline:
        raise OfflineError("only mirrors know what vanished", solution="leave --offline out")
    catalogue = session.catalogue
    names = images or series_images(catalogue, session.series)
    locked = locked_lines(catalogue, session.series, names, session.platform)
    return find_missing(locked, session.store, session.site, session.progress, every=every)


def _make(session: Session, found: Reachability, into: Path) -> list[LockChange]:
    from scs_build.locks.aging import relock
    from scs_build.locks.missing import refuse_unknown

    refuse_unknown(found)
    with session.store.lock("apt"):
        return relock(_place(session), found.gone, into, _means(session))


def _answer(
    session: Session, found: Reachability, changes: Sequence[LockChange], overlay: Path | None
) -> dict[str, object]:
    return {
        "series": session.series,
        "platform": session.platform,
        "pins": found.pins,
        "unserved": [pin.to_json() for pin in found.unserved],
        "changes": [change.to_json() for change in changes],
        "overlay": str(overlay) if overlay else None,
    }


def _report(session: Session, found: Reachability) -> str:
    """Return the pins that are not served, and a line that counts them."""
    rows = [
        (pin.image, pin.line.id, pin.line.version, pin.verdict.state, "yes" if pin.holds else "no")
        for pin in found.unserved
    ]
    listing = table(("image", "pin", "version", "sources", "in the store"), rows)
    kept = sum(pin.holds for pin in found.gone)
    total = (
        f"{session.series}: {found.pins} pins, {len(found.gone)} vanished ({kept} of them in this store), "
        f"{len(found.unknown)} not known"
    )
    return "\n\n".join(filter(None, (listing, total)))


def _replaced(gone: Sequence[Pin], changes: Sequence[LockChange], overlay: Path) -> str:
    """Return what vanished and what replaces it, what that changes besides, and how to use it."""
    from scs_build.locks.lock import pin_id

    new = {(change.image, name): after for change in changes for name, _, after in change.changed}
    lost = {(pin.image, pin_id(pin.line)) for pin in gone}
    rows = [
        (pin.image, pin.line.id, pin.line.version, new.get((pin.image, pin_id(pin.line)), "-"))
        for pin in gone
    ]
    forced = [
        (change.image, name, before, after)
        for change in changes
        for name, before, after in (
            *change.changed,
            *((name, "-", version) for name, version in change.added),
            *((name, version, "-") for name, version in change.removed),
        )
        if (change.image, name) not in lost
    ]
    parts = [table(("image", "vanished", "locked", "replaced by"), rows)]
    if forced:
        parts.append(table(("image", "moves with it", "locked", "now"), forced))
    parts.append(f"the overlay is {overlay}: use it with --lock-overlay {overlay}")
    return "\n\n".join(parts)
