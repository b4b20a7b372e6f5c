"""Whose a container is, and when nobody waits for it any more."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scs_build.engines import lease

PRINT = "from scs_build.engines.lease import labels; import json; print(json.dumps(labels(60)))"


def test_what_belongs_to_us_is_no_orphan() -> None:
    assert not lease._is_orphan(lease.labels(60), age=5)


def test_what_belongs_to_a_process_that_ended_is_one() -> None:
    made = eval(subprocess.run([sys.executable, "-c", PRINT], check=True, capture_output=True).stdout)
    assert lease._is_orphan(made, age=5)


def test_another_process_with_our_number_is_not_us() -> None:
    made = lease.labels(60)
    owner, _, start = made[lease.OWNER].rpartition("@")
    assert lease._is_orphan({**made, lease.OWNER: f"{owner}@{int(start) - 1}"}, age=5)


@pytest.mark.parametrize("age", [60, 60 + lease.MARGIN + 1])
def test_what_belongs_elsewhere_is_judged_by_its_age_alone(age: float) -> None:
    made = {**lease.labels(60), lease.OWNER: "another-boot 4026531836 1@1"}
    assert lease._is_orphan(made, age) is (age > 60 + lease.MARGIN)


@pytest.mark.parametrize("made", [{}, {lease.OWNER: "nonsense", lease.SECONDS: "soon"}])
def test_labels_that_are_not_ours_say_nothing(made: dict[str, str]) -> None:
    assert not lease._is_orphan(made, age=10**9)


class Knowing:
    """A daemon that knows when an image got its name."""

    def __init__(self, given: str) -> None:
        self.given = given

    def inspect_image(self, name: str) -> dict[str, dict[str, str]]:
        return {"Metadata": {"LastTagTime": self.given}}


def test_the_name_of_a_lent_image_says_what_labels_say() -> None:
    name = lease.lent_name(60)
    for given, age in (("2026-11-24T07:00:00.5Z", 7), ("0001-01-01T00:00:00Z", 0), ("", 0)):
        assert lease._said_by(Knowing(given), name, 1795503607) == (lease.labels(60), age)  # type: ignore[arg-type]
    assert len(name.partition(":")[2]) <= 128
    assert name != lease.lent_name(60)


def test_a_name_that_is_not_ours_says_nothing() -> None:
    said = lease._said_by(Knowing("2020-01-01T00:00:00Z"), f"{lease.LENT}:latest", 1795503607)  # type: ignore[arg-type]
    assert not lease._is_orphan(*said)


@pytest.mark.parametrize("text", [
    "2026-11-24T07:00:00.123456789Z", "2026-11-24T07:00:00Z", "2026-11-24T09:00:00.1+02:00",
])  # fmt: skip
def test_times_of_daemons(text: str) -> None:
    assert lease._time(text) == 1795503600
