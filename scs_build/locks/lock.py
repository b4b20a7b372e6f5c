"""Locks the images of a series: one after the other from one state of the indices, lowest first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from scs_build.inputs.artefact import Artefact
from scs_build.inputs.asked import asked_of
from scs_build.inputs.kinds import lockers
from scs_build.inputs.locking import TIMEOUT, Context, Locker
from scs_build.locks.depot import StoreDepot
from scs_build.locks.files import has_lock, read_own_lock, write_lock
from scs_build.locks.fitting import of_other_channels, unlike
from scs_build.locks.layered import lock_before, lock_of, lock_target
from scs_build.locks.models import Lock
from scs_build.locks.requests import request_for, stands_on

if TYPE_CHECKING:
    from scs_build.progress import Progress
    from scs_build.recipes.catalogue import Catalogue
    from scs_build.recipes.site import Site
    from scs_build.store.store import Store


@dataclass(frozen=True)
class LockChange:
    """What locking changed for one image, by `Artefact.id` (after the group, where there is one).

    Of those in `restated` the lock says something else, and the file is the same: nothing is built again.
    A change without any content: what a layer replaces had a lock that fits, and the layer has it now too
    (`placed`); or the lock fits, and says now what it was made for.
    """

    image: str
    added: list[tuple[str, str]]
    removed: list[tuple[str, str]]
    changed: list[tuple[str, str, str]]
    restated: list[str]
    placed: bool = False

    @property
    def content(self) -> bool:
        """Whether other files are locked than before."""
        return bool(self.added or self.removed or self.changed)

    def __bool__(self) -> bool:
        return bool(self.content or self.restated)

    def to_json(self) -> dict[str, object]:
        """Return the change as the object that `--json` prints."""
        changed = [{"id": name, "old": old, "new": new} for name, old, new in self.changed]
        return {
            "image": self.image,
            "added": [{"id": name, "version": version} for name, version in self.added],
            "removed": [{"id": name, "version": version} for name, version in self.removed],
            "changed": changed,
            "restated": self.restated,
        }


def lock_images(
    catalogue: Catalogue,
    series: str,
    names: Collection[str],
    platform: str,
    site: Site,
    *,
    upgrade: bool = False,
    upgrade_packages: Collection[str] = (),
    store: Store,
    work: Path,
    progress: Progress,
    timeout: int = TIMEOUT,
) -> list[LockChange]:
    """Lock `names` (all images of the series when empty) and what they stand on; return what changed.

    Versions of present locks are kept unless `upgrade`, and except those of `upgrade_packages` (Debian
    packages move with all of the same source), and where the series has another Debian or Python than
    before. A lock that already fits its recipe is not touched and costs no network; one that does not say
    what it was made for says it from now on. Images above a changed one are locked again too, so that
    versions agree. With layers, the highest is written into, and ours never. Nothing is written unless every
    image could be resolved. What had to be read to resolve is in `store` afterwards.
    """
    every = series_images(catalogue, series)
    chosen = {below for name in names or every for below in (*stands_on(catalogue, name), name)}
    present = {name: _present(catalogue, series, name, platform) for name in every | chosen}
    old = {name: lock.artefacts if lock else None for name, lock in present.items()}
    context = Context(
        series=catalogue.series(series), folder=catalogue.series_folder(series), platform=platform, site=site,
        constraints=catalogue.constraints(series), work=work, progress=progress,
        depot=StoreDepot(store, site, progress, timeout), timeout=timeout,
        specified_at=partial(catalogue.place_in_series, series, "components"),
    )  # fmt: skip
    tools, locks, moved, unsaid = lockers(context), dict(old), set[str](), set[str]()
    order = [n for n in _ordered(catalogue, every | chosen) if n in chosen or present[n] is not None]
    with store.use(), progress.task("resolving", len(order), "images") as task:
        for name in order:
            task.note(name)
            anew = name in chosen
            if anew or moved.intersection(stands_on(catalogue, name)):
                free = upgrade_packages if anew else ()
                newest = (upgrade and anew) or _was_of_others(catalogue, name, present[name])
                locks[name] = _lock(catalogue, name, locks, tools, upgrade=newest, free=free)
                if locks[name] != old[name] or not _holds(catalogue, series, name, platform):
                    moved.add(name)
                elif _unsaid(catalogue, series, name, present[name]):
                    unsaid.add(name)
            task.advance()
    changed = [name for name in order if name in moved | unsaid]
    for name in changed:
        component = catalogue.component(name)
        asked = asked_of(component.recipe, catalogue.series(series))
        lock = Lock(name, series, platform, locks[name] or (), asked)
        write_lock(lock_target(catalogue, component, series), lock, before=lock_before(component, series))
    return [
        replace(difference(name, old[name] or (), locks[name] or ()), placed=name in moved)
        for name in changed
    ]


def _was_of_others(catalogue: Catalogue, name: str, lock: Lock | None) -> bool:
    """Tell whether a lock was made from another Debian or Python: then nothing of it is kept."""
    return lock is not None and of_other_channels(unlike(catalogue, catalogue.component(name), lock))


def _unsaid(catalogue: Catalogue, series: str, name: str, lock: Lock | None) -> bool:
    """Tell whether a lock that fits has to say anew what it was made for.

    Below a layer that is only where something else is asked for: what layers do not touch stays where it is.
    """
    component = catalogue.component(name)
    assert lock is not None, "what is not there does not fit"
    if lock_before(component, series) == lock_target(catalogue, component, series):
        return lock.asked != asked_of(component.recipe, catalogue.series(series))
    return bool(unlike(catalogue, component, lock))


def series_images(catalogue: Catalogue, series: str) -> set[str]:
    """Return every image of a series: those it names (all when it names none) and what they stand on."""
    named = catalogue.series(series).images or tuple(catalogue.components)
    service = {n for n, c in catalogue.components.items() if c.recipe.kind in ("tools", "scaffold")}
    return service | {below for name in named for below in (*stands_on(catalogue, name), name)}


def _ordered(catalogue: Catalogue, names: Collection[str]) -> list[str]:
    """Return names so that each comes after all that it stands on."""
    return sorted(names, key=lambda name: (len(_depth(catalogue, name)), name))


def _depth(catalogue: Catalogue, name: str) -> set[str]:
    below = set(stands_on(catalogue, name))
    return below.union(*(_depth(catalogue, other) for other in below))


def _present(catalogue: Catalogue, series: str, name: str, platform: str) -> Lock | None:
    """Return the lock that locking begins with; None when there is none."""
    path = lock_before(catalogue.component(name), series)
    return read_own_lock(path, platform) if has_lock(path, platform) else None


def _holds(catalogue: Catalogue, series: str, name: str, platform: str) -> bool:
    """Tell whether a lock for the platform lies where this image needs it."""
    return has_lock(lock_of(catalogue.component(name), series), platform)


def _lock(
    catalogue: Catalogue,
    name: str,
    locks: Mapping[str, tuple[Artefact, ...] | None],
    tools: Iterable[Locker],
    *,
    upgrade: bool,
    free: Collection[str],
) -> tuple[Artefact, ...]:
    request = request_for(catalogue, name, lambda other: locks.get(other) or ())
    request = replace(request, upgrade=upgrade, free=free)
    lines: list[Artefact] = []
    for locker in tools:
        own = [line for line in request.locked if line.kind in locker.kinds]
        freed = any(line.name in free for line in own)
        fits = locks[name] is not None and not upgrade and not freed and not locker.check(request)
        lines += own if fits else locker.lock(request)
    return tuple(sorted(lines, key=sort_key))


def sort_key(artefact: Artefact) -> tuple[str, str, str, str]:
    """Return what lock lines are sorted by."""
    return str(artefact.data.get("group", "")), artefact.kind, artefact.name, artefact.role


def difference(image: str, old: Iterable[Artefact], new: Iterable[Artefact]) -> LockChange:
    """Compare two locks of an image."""
    before, after = _by_id(old), _by_id(new)
    both = sorted(before.keys() & after.keys())
    others = {key for key in both if _file(before[key]) != _file(after[key])}
    return LockChange(
        image=image,
        added=[(key, after[key].version) for key in sorted(after.keys() - before.keys())],
        removed=[(key, before[key].version) for key in sorted(before.keys() - after.keys())],
        changed=[(key, before[key].version, after[key].version) for key in both if key in others],
        restated=[key for key in both if key not in others and before[key] != after[key]],
    )


def _file(line: Artefact) -> tuple[str, str]:
    return line.version, line.sha256


def _by_id(artefacts: Iterable[Artefact]) -> dict[str, Artefact]:
    return {pin_id(artefact): artefact for artefact in artefacts}


def pin_id(line: Artefact) -> str:
    """Return what stays the same of a line when its version changes: group (where there is one) and id."""
    return ":".join(filter(None, (str(line.data.get("group", "")), line.id)))
