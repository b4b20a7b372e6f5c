"""What an artefact brings, indexed once per artefact."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

from scs_build.errors import StoreError
from scs_build.inputs.artefact import Artefact, Member
from scs_build.inputs.kinds import INPUTS
from scs_build.store.facts import remembered
from scs_build.store.store import Store

INDEX_FORMAT = 2


def held(store: Store, artefact: Artefact) -> Path:
    """Return the file of an artefact; raises `StoreError` when the store does not hold it."""
    if not store.has(artefact.sha256):
        raise StoreError(
            f"{artefact.name} {artefact.version} is no longer in the store",
            solution="run the command without --offline: it is fetched again",
        )
    return store.blob(artefact.sha256)


def members_of(store: Store, artefact: Artefact) -> tuple[Member, ...]:
    """Return every path of an artefact; raises `StoreError` when it is neither known nor in the store."""
    how = {"unpack": True} if artefact.data.get("unpack") else {}
    what = {"index": artefact.sha256, "kind": artefact.kind, "format": INDEX_FORMAT, **how}
    kind = INPUTS[artefact.kind]
    found = remembered(store, what, lambda: [astuple(m) for m in kind.index(artefact, held(store, artefact))])
    return tuple(Member(*fields) for fields in found)
