"""What a change of locks makes anew, as `scs-build lock` tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from scs_build.cli.lock import image_keys
from scs_build.cli.options import Session
from tests.unit.plan.conftest import LOCKS, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "checkout")


def changed(world: World, place: str, *lines: tuple[str, ...]) -> list[str]:
    session = Session(root_option=world.root)
    before = image_keys(session)
    world.lock(place, [*(line for line in LOCKS[place] if line[1] not in [x[1] for x in lines]), *lines])
    return [name for name, key in image_keys(session).items() if key != before[name]]


def test_a_tool_that_only_isolates_rebuilds_nothing(world: World) -> None:
    assert changed(world, "bases/tools", ("deb", "bubblewrap", "0.13")) == []


def test_a_tool_of_some_steps_rebuilds_the_images_of_these(world: World) -> None:
    assert changed(world, "bases/tools", ("wheel", "uv", "0.10")) == ["app"]


def test_a_package_of_an_image_rebuilds_that_alone(world: World) -> None:
    assert changed(world, "iaas/sibling", ("deb", "sib", "1.1")) == ["sibling"]


def test_a_first_lock_rebuilds_what_had_none(world: World) -> None:
    path = world.root / "images/iaas/sibling/lock/2026.1.json"
    path.unlink()
    session = Session(root_option=world.root)
    before = image_keys(session)
    assert before.pop("sibling") is None and all(before.values())
    world.lock("iaas/sibling", LOCKS["iaas/sibling"])
    assert image_keys(session)["sibling"]
