"""What is built does not depend on who builds it, nor on the release of scs-build."""

from __future__ import annotations

import json

from scs_build.canonical import digest_of
from scs_build.plan.step import FORMATS, Step
from scs_build.store.store import Store
from tests.canary import known
from tests.integration.build import parts
from tests.integration.conftest import LOCKS_OVER

# Recipe, lock and packages of `canary-plain` are of the first format and stay as they are. So do these, as
# long as the step has the format named here: who raises it writes down what it gives then.
FIRST = {
    "packages:canary-plain": (1, "sha256:d549bbcd817ce52f06887b37dc7a1a213ffed7f4eaf510d26b9b6cf5770169b0"),
    "files:canary-plain": (1, "sha256:e445964cdf79744c7258fc46fff1faab5ce3bb208fe9823f8e39c08914b34271"),
}
FIRST_CONFIGURATION = (1, "5f6ae5cae47ba5daea1b1e7930b8a365acaa76595edba84f5185bb72682e4501")


def test_another_machine_user_order_and_year_give_the_same_bytes(
    canaries: Store, elsewhere: Store, canary_steps: dict[str, Step]
) -> None:
    here = parts.results(canaries, canary_steps.values())
    assert parts.results(elsewhere, canary_steps.values()) == here


def test_equal_inputs_give_the_bytes_that_they_gave_before(
    elsewhere: Store, canary_steps: dict[str, Step]
) -> None:
    """Looked at where they were built from nothing: a store would answer with older bytes."""
    before, now = known.known(), known.found(elsewhere, canary_steps.values())
    silent = known.changed_silently(before, now)
    assert silent == [], known.complaint(silent, now)
    if not LOCKS_OVER:  # where pins have vanished, other inputs than those written down have other keys
        assert now == before, known.AGAIN.format(known.PATH.name)


def test_a_lock_of_the_first_format_stays_buildable(elsewhere: Store, canary_steps: dict[str, Step]) -> None:
    made = parts.results(elsewhere, canary_steps.values())
    assert {name: (FORMATS[canary_steps[name].kind], made[name]) for name in FIRST} == FIRST
    if LOCKS_OVER:  # the configuration names the overlay
        return
    manifest = json.loads(elsewhere.read_bytes(made["image:canary-plain"]))
    document = json.loads(elsewhere.read_bytes(manifest["config"]["digest"]))
    assert (FORMATS["image"], digest_of(document["config"])) == FIRST_CONFIGURATION
