"""Names of packages that are to be upgraded: each is one that a lock holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from scs_build.errors import UnknownNameError
from scs_build.inputs.asked import distribution
from scs_build.locks.files import has_lock, read_own_lock
from scs_build.locks.layered import lock_before
from scs_build.locks.lock import series_images
from scs_build.locks.requests import stands_on
from scs_build.recipes.explain import near_miss

if TYPE_CHECKING:
    from scs_build.recipes.catalogue import Catalogue


def refuse_unknown(
    catalogue: Catalogue, series: str, images: Collection[str], platform: str, packages: Collection[str]
) -> None:
    """Raise `UnknownNameError` for a package of neither `images` (all when empty) nor what they stand on.

    Nothing is refused while one of them has no lock: what it will hold is not known.
    """
    every = series_images(catalogue, series)
    chosen = {below for name in images or every for below in (*stands_on(catalogue, name), name)}
    held = {name: _names(catalogue, series, name, platform) for name in sorted(every | chosen)}
    if any(held[name] is None for name in chosen):
        return
    known = {package for name in chosen for package in held[name] or ()}
    for package in packages:
        if package not in known:
            reason = f"no lock of {series} that is to be made has a package `{package}`"
            raise UnknownNameError(reason, solution=_meant(package, known, held))


def _names(catalogue: Catalogue, series: str, name: str, platform: str) -> frozenset[str] | None:
    path = lock_before(catalogue.component(name), series)
    if not has_lock(path, platform):
        return None
    return frozenset(line.name for line in read_own_lock(path, platform).artefacts)


def _meant(package: str, known: set[str], held: Mapping[str, frozenset[str] | None]) -> str:
    if elsewhere := [name for name, names in held.items() if package in (names or ())]:
        return f"{', '.join(elsewhere)} has it: name that image"
    same = distribution(package)
    near = same if same in known else near_miss(package, sorted(known))
    return f"did you mean `{near}`?" if near else "write it as the lock files do: images/*/*/lock/"
