"""What an artefact brings, indexed once per artefact."""

from __future__ import annotations

from dataclasses import astuple

from scs_build.canonical import digest_of
from scs_build.inputs.artefact import Artefact, Member
from scs_build.inputs.kinds import INPUTS
from scs_build.plan.history import NOTHING
from scs_build.store.store import Store

INDEX_FORMAT = 1


def members_of(store: Store, artefact: Artefact) -> tuple[Member, ...]:
    """Return every path of an artefact in the store."""
    how = {"unpack": True} if artefact.data.get("unpack") else {}
    key = digest_of({"index": artefact.sha256, "kind": artefact.kind, "format": INDEX_FORMAT, **how})
    record = store.record(key)
    if record is None:
        found = tuple(INPUTS[artefact.kind].index(artefact, store.blob(artefact.sha256)))
        store.put_record(key, {"members": [astuple(member) for member in found], "uses": NOTHING})
        return found
    return tuple(Member(*fields) for fields in record["members"])
