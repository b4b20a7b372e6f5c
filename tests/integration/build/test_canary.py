"""A change of code that changes bytes without a new format version is caught."""

from __future__ import annotations

import json

from scs_build.build.build import BuildResult
from scs_build.store.store import Store
from tests import canary


def test_equal_inputs_give_the_bytes_that_they_gave_before(built: BuildResult, fresh: Store) -> None:
    """Built from nothing by the code of this checkout: a store would answer with older bytes."""
    before, now = json.loads(canary.PATH.read_text()), canary.found(fresh)
    assert {n: c["key"] for n, c in now.items()} == {n: c["key"] for n, c in before.items()}, (
        canary.AGAIN.format(canary.PATH.name)
    )
    assert canary.changed_silently(before, now) == [], canary.SILENT.format("an image")
