"""Whether an overlay of locks still stands for the locks that it was made over."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scs_build.canonical import sha256_file
from scs_build.errors import Location, LockError
from scs_build.locks.layered import lock_of
from scs_build.recipes.lock_overlay import AGAIN, HEAD

if TYPE_CHECKING:
    from scs_build.recipes.catalogue import Catalogue


def refuse_stale(catalogue: Catalogue, series: str) -> None:
    """Raise `LockError` when the overlay was made over other locks than those that are there."""
    top = catalogue.layers[-1] if catalogue.layers else None
    if top is None or top.overlay is None:
        return
    for name, digest in top.overlay.replaces.items():
        component = catalogue.component(name)
        below = replace(component, above=tuple(f for f in component.above if f.layer != top))
        if not lock_of(below, series).exists() or sha256_file(lock_of(below, series)) != digest:
            raise LockError(
                f"these locks replace another lock of `{name}` than the one that is there now",
                where=Location(top.shown(HEAD)),
                solution=f"leave them out, or {AGAIN}",
            )
