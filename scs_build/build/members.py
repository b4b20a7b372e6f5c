"""What an artefact brings, indexed once per artefact."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

from scs_build.errors import StoreError
from scs_build.inputs.artefact import Artefact, Member, Notes
from scs_build.inputs.kinds import INPUTS
from scs_build.store.facts import known, remembered
from scs_build.store.store import Store

INDEX_FORMAT = 2
NOTES_FORMAT = 1


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
    kind = INPUTS[artefact.kind]

    def read() -> list[object]:
        notes: Notes = {}
        found: list[object] = [
            astuple(member) for member in kind.index(artefact, held(store, artefact), notes)
        ]
        if notes:
            remembered(store, _notes(artefact), lambda: notes)
        return found

    return tuple(Member(*fields) for fields in remembered(store, index_of(artefact), read))


def index_of(artefact: Artefact) -> dict[str, object]:
    """Return what stands for the index of an artefact in the store (see `remembered`)."""
    how = {"unpack": True} if artefact.data.get("unpack") else {}
    return {"index": artefact.sha256, "kind": artefact.kind, "format": INDEX_FORMAT, **how}


def notes_on(store: Store, artefact: Artefact) -> Notes | None:
    """Return what was noted while `members_of` read an artefact; None where nothing was."""
    found: Notes | None = known(store, _notes(artefact))
    return found


def _notes(artefact: Artefact) -> dict[str, object]:
    return {"notes": artefact.sha256, "name": artefact.name, "kind": artefact.kind, "format": NOTES_FORMAT}
