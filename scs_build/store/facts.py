"""What was found out about content once, remembered in the store as a plain value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scs_build.canonical import digest_of
from scs_build.store.store import Store


def remembered(store: Store, what: Mapping[str, object], make: Callable[[], Any]) -> Any:
    """Return the value (as JSON holds it) that `make` gives for `what`, made when nobody did before.

    `what` names the content by its hash, what is asked of it, and the format of the answer.
    """
    key = digest_of(what)
    record = store.record(key)
    if record is None:
        record = {"value": make(), "uses": {"blobs": [], "trees": []}}
        store.put_record(key, record)
    return record["value"]


def known(store: Store, what: Mapping[str, object]) -> Any:
    """Return the value for `what` if the store knows it, else None."""
    record = store.record(digest_of(what))
    return None if record is None else record["value"]


def is_remembered(store: Store, what: Mapping[str, object]) -> bool:
    """Return whether the store knows the value for `what`."""
    return store.record_path(digest_of(what)).is_file()
