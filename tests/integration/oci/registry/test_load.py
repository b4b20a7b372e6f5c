"""Into a Docker daemon: the image id is the digest of the configuration that the manifest leads to."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from typing import Any

import pytest

from scs_build.engines.daemon import connect
from scs_build.errors import EngineError, TagError, VerificationError
from scs_build.oci.layout import blob_path
from scs_build.oci.registry.images import Outcome, parts_in
from scs_build.oci.registry.load import load
from scs_build.progress import Silent, SilentTask
from tests.integration.conftest import PLATFORM, SERIES
from tests.integration.daemon import Daemon
from tests.integration.oci.registry.conftest import Said, World, make_images
from tests.integration.oci.registry.test_push import damage

Call = Callable[..., Said]


class At(Silent, SilentTask):
    """A listener that does something when the first bytes are on their way."""

    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then

    def task(self, *_: Any, **__: Any) -> Any:
        return nullcontext(self)

    def advance(self, amount: int = 1) -> None:
        then, self._then = self._then, lambda: None
        then()


@pytest.fixture(autouse=True)
def _sockets() -> Iterator[None]:
    """The SDK leaves a socket that did not connect to the garbage collector, which would complain later."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


PLACE = "registry.example.org"


def put(world: World, *tags: str, move: bool = False, progress: Silent | None = None) -> Outcome:
    return load(
        world.images, world.layout, PLATFORM, lambda name: f"{PLACE}/{name}", tags or (SERIES,),
        move_tags=move, jobs=2, progress=progress or Silent(),
    )  # fmt: skip


def id_of(name: str) -> str:
    with closing(connect(PLATFORM)) as client:
        identity: str = client.inspect_image(name)["Id"]
    return identity


def test_the_image_id_is_the_digest_of_the_configuration(world: World, at_docker_daemon: Daemon) -> None:
    outcome = put(world)
    assert not outcome.failures
    for image, wanted in zip(outcome.images, world.images, strict=True):
        config = parts_in(world.layout, wanted).config
        assert (image.action, image.reference) == ("sent", config)
        assert id_of(f"{PLACE}/{wanted.name}:{SERIES}") == config
    again = put(world)
    assert [(image.action, image.moved) for image in again.images] == [("there", 0)] * 3
    named = put(world, "stable")
    assert [(image.action, image.moved) for image in named.images] == [("named", 0)] * 3
    assert id_of(f"{PLACE}/app:stable") == parts_in(world.layout, world.wanted("app")).config


def test_the_name_of_another_image_stays_where_it_is(
    world: World, at_docker_daemon: Daemon, tmp_path: Any
) -> None:
    put(world)
    before = id_of(f"{PLACE}/app:{SERIES}")
    newer = World(world.tools, tmp_path, world.store, tmp_path / "newer", world.manifest)
    newer.manifest = make_images(world.store, newer.output)
    outcome = put(newer)
    assert {type(error) for error in outcome.failures.values()} == {TagError}
    assert before in str(outcome.failures["app"])
    assert id_of(f"{PLACE}/app:{SERIES}") == before
    assert not put(newer, move=True).failures
    assert id_of(f"{PLACE}/app:{SERIES}") == parts_in(newer.layout, newer.wanted("app")).config


def test_what_is_damaged_is_not_sent(world: World, at_docker_daemon: Daemon) -> None:
    damage(blob_path(world.layout, world.layer("app")))
    outcome = put(world, "damaged")
    assert {name: type(error) for name, error in outcome.failures.items()} == {"app": VerificationError}


def test_a_daemon_that_dies_meanwhile_is_told_and_nothing_is_lost(
    world: World, at_docker_daemon: Daemon
) -> None:
    try:
        outcome = put(world, "killed", progress=At(at_docker_daemon.kill))
    finally:
        at_docker_daemon.start()
    assert {type(error) for error in outcome.failures.values()} == {EngineError}
    assert not put(world, "killed").failures
    assert id_of(f"{PLACE}/app:killed") == parts_in(world.layout, world.wanted("app")).config


def test_the_command_names_images_as_asked(call: Call, world: World, at_docker_daemon: Daemon) -> None:
    said = call("load", "app", "--as", f"{PLACE}/scs", "-o", world.output, "--json")
    assert said.status == 0, said.stderr
    (image,) = said.json["images"]
    assert image["names"] == [f"{PLACE}/scs/app:{SERIES}"]
    assert image["reference"] == id_of(f"{PLACE}/scs/app:{SERIES}")
    assert call("load", "app", "-o", world.output).status == 0
    assert id_of(f"app:{SERIES}") == image["reference"]
    assert call("load", "app", "--manifest", world.output / f"{SERIES}.json").status == 0


def test_without_a_daemon_it_says_how_to_get_one(
    call: Call, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{world.room}/none")
    said = call("load", "-o", world.output)
    assert said.status == EngineError.exit_code
    assert "DOCKER_HOST" in said.stderr
