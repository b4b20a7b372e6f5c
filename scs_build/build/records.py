"""The record of a step that ran: its result, and what in the store it stands on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from scs_build.oci.entry import Layer

Record = dict[str, Any]


def make_record(result: str, blobs: Iterable[str] = (), trees: Iterable[str] = (), **more: Any) -> Record:
    """Return a record: `result` stands for the outcome, `blobs` and `trees` must stay in the store."""
    return {"result": result, "uses": {"blobs": list(blobs), "trees": list(trees)}, **more}


def layer_record(layer: Layer | None) -> Record:
    """Return the record of a step whose outcome is a layer; an empty layer is no layer."""
    if layer is None:
        return make_record("empty", layer=None)
    return make_record(layer.diff_id, blobs=[layer.digest.removeprefix("sha256:")], layer=asdict(layer))


def layer_of(record: Record) -> Layer | None:
    """Return the layer that a record holds."""
    return Layer(**record["layer"]) if record["layer"] else None
