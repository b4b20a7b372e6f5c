"""What a change of locks makes anew, as `scs-build lock` tells it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scs_build.cli.lock import image_keys
from scs_build.cli.options import Session
from scs_build.errors import UnknownNameError
from scs_build.locks.upgrade import refuse_unknown
from scs_build.recipes.catalogue import Catalogue
from tests.unit.cli.conftest import Said
from tests.unit.plan.conftest import LOCKS, SERIES, World

Call = Callable[..., Said]


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


@pytest.mark.parametrize(
    ("images", "package", "hint"),
    [
        ((), "sib1", "did you mean `sib`?"),
        ((), "App", "did you mean `app`?"),
        ((), "zzz", "as the lock files do"),
        (("sibling",), "fast", "app has it: name that image"),
    ],
)
def test_a_package_that_no_lock_has_is_not_upgraded(
    world: World, call: Call, images: tuple[str, ...], package: str, hint: str
) -> None:
    said = call("lock", *images, "--upgrade-package", package, "--root", str(world.root))
    assert said.status == UnknownNameError.exit_code
    assert f"has a package `{package}`" in said.stderr
    assert hint in said.stderr


def test_packages_that_locks_have_are_known(world: World) -> None:
    catalogue = Catalogue.load(world.root)
    refuse_unknown(catalogue, SERIES, (), "linux/amd64", ("sib", "fast", "uv"))
    refuse_unknown(catalogue, SERIES, ("app",), "linux/amd64", ("openssl", "app"))


def test_where_a_lock_is_not_there_yet_its_packages_are_not_known(world: World) -> None:
    (world.root / "images/iaas/sibling/lock/2026.1.json").unlink()
    catalogue = Catalogue.load(world.root)
    refuse_unknown(catalogue, SERIES, (), "linux/amd64", ("libsib",))
    with pytest.raises(UnknownNameError):
        refuse_unknown(catalogue, SERIES, ("app",), "linux/amd64", ("libsib",))
