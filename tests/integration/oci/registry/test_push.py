"""Into a registry: each byte once, tags only after their image, nobody's tag moved unasked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scs_build.canonical import sha256_bytes
from scs_build.errors import IntegrityError, RegistryError, TagError, VerificationError
from scs_build.oci.layout import blob_path
from scs_build.store.store import Store
from tests.integration.conftest import ROOT, SERIES
from tests.integration.oci.registry.conftest import BIG, Said, World, make_images
from tests.integration.oci.registry.proxy import Harm, Proxy
from tests.integration.oci.registry.server import Registry

Call = Callable[..., Said]


def digest_at(world: World, reference: str) -> str | None:
    raw = world.skopeo().raw(reference)
    return f"sha256:{sha256_bytes(raw)}" if raw is not None else None


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_byte_is_sent_once_and_the_digests_are_the_manifests(
    world: World, proxy: Proxy, jobs: int
) -> None:
    outcome = world.push(proxy.host, jobs=jobs)
    assert not outcome.failures
    assert [image.action for image in outcome.images] == ["sent"] * 3
    assert proxy.up == sum(world.blobs().values())
    manifests = sum(blob_path(world.layout, image.digest).stat().st_size for image in world.images)
    assert sum(image.moved for image in outcome.images) == proxy.up + manifests
    for image, wanted in zip(outcome.images, world.images, strict=True):
        assert image.reference == f"{proxy.host}/scs/{wanted.name}@{wanted.digest}"
        assert digest_at(world, f"{proxy.host}/scs/{wanted.name}:{SERIES}") == wanted.digest
        assert image.moved + image.skipped == sum(world.blobs(image.name).values()) + manifest_size(
            world, image.name
        )


def manifest_size(world: World, name: str) -> int:
    return blob_path(world.layout, world.wanted(name).digest).stat().st_size


def test_a_second_run_writes_nothing(world: World, proxy: Proxy) -> None:
    world.push(proxy.host)
    proxy.clear()
    outcome = world.push(proxy.host)
    assert [(image.action, image.moved) for image in outcome.images] == [("there", 0)] * 3
    assert proxy.writes() == 0
    assert set(proxy.seen) == {"GET /v2/", "GET manifests"}


def test_another_tag_sends_no_blob(world: World, proxy: Proxy) -> None:
    world.push(proxy.host, only=("app",))
    proxy.clear()
    outcome = world.push(proxy.host, SERIES, "stable", "stable", only=("app",))
    assert [(image.action, image.moved) for image in outcome.images] == [("tagged", 0)]
    assert (proxy.up, proxy.seen["PUT manifests"]) == (0, 1)
    assert digest_at(world, f"{proxy.host}/scs/app:stable") == world.wanted("app").digest


def test_the_tag_of_another_image_stays_where_it_is(world: World, proxy: Proxy, tmp_path: Path) -> None:
    world.push(proxy.host, only=("app",))
    before = world.wanted("app").digest
    newer = World(world.tools, tmp_path / "newer", world.store, tmp_path / "newer/out", world.manifest)
    newer.manifest = make_images(world.store, newer.output)
    proxy.clear()
    outcome = newer.push(proxy.host)
    error = outcome.failures["app"]
    assert isinstance(error, TagError)
    assert f"{SERIES} stands for {before}, not for {newer.wanted('app').digest}" in str(error)
    assert {image.name for image in outcome.images} == {"base", "other"}
    assert digest_at(world, f"{proxy.host}/scs/app@{newer.wanted('app').digest}") is None
    # Under a tag of its own it is welcome, and with a word the tag moves.
    assert not newer.push(proxy.host, "next", only=("app",)).failures
    assert digest_at(world, f"{proxy.host}/scs/app:{SERIES}") == before
    assert not newer.push(proxy.host, only=("app",), move=True).failures
    assert digest_at(world, f"{proxy.host}/scs/app:{SERIES}") == newer.wanted("app").digest


def test_a_damaged_blob_is_told_before_anything_of_its_image_is_sent(world: World, proxy: Proxy) -> None:
    layer = world.layer("app")
    damage(blob_path(world.layout, layer))
    outcome = world.push(proxy.host)
    assert isinstance(outcome.failures["app"], VerificationError)
    assert layer in str(outcome.failures["app"])
    assert digest_at(world, f"{proxy.host}/scs/app@{world.wanted('app').digest}") is None
    assert {image.name for image in outcome.images} == {"base", "other"}
    blob_path(world.layout, layer).unlink()
    assert isinstance(world.push(proxy.host, only=("app",)).failures["app"], VerificationError)


def damage(path: Path) -> None:
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(bytes(byte ^ 1 for byte in data[:100]) + data[100:])


def test_what_fails_once_is_tried_again(world: World, proxy: Proxy) -> None:
    proxy.harms += [
        Harm("^GET /v2/$", status=503, times=2),
        Harm("^POST .*/base/", status=502, times=1),
        Harm("^PATCH .*/base/", cut_request=BIG // 2, times=1),
        Harm("^PATCH .*/app/", status=503, times=1),
        Harm("^PUT .*/app/manifests/", cut_request=0, times=1),
    ]
    outcome = world.push(proxy.host, only=("base", "app"), jobs=1)
    assert not outcome.failures
    assert [harm.times for harm in proxy.harms] == [0] * 5
    assert digest_at(world, f"{proxy.host}/scs/app:{SERIES}") == world.wanted("app").digest


def test_an_upload_that_always_breaks_off_is_told_and_the_next_run_sends_the_rest_only(
    world: World, proxy: Proxy
) -> None:
    proxy.harms.append(Harm("^PATCH .*/app/", cut_request=BIG // 2))
    outcome = world.push(proxy.host)
    error = outcome.failures["app"]
    assert isinstance(error, RegistryError)
    assert "broke off" in str(error) and "same command again" in str(error)
    assert {image.name for image in outcome.images} == {"base", "other"}
    proxy.clear()
    again = {image.name: image for image in world.push(proxy.host).images}
    assert {name: image.action for name, image in again.items()} == {
        "base": "there", "app": "sent", "other": "there",
    }  # fmt: skip
    rest = world.blobs("app").keys() - world.blobs("base", "other").keys()
    assert proxy.up == sum(world.blobs()[digest] for digest in rest)


def test_a_registry_that_answers_with_503_is_infrastructure(world: World, proxy: Proxy) -> None:
    proxy.harms.append(Harm("", status=503))
    outcome = world.push(proxy.host, jobs=1)
    assert {type(error) for error in outcome.failures.values()} == {RegistryError}
    assert "503" in str(outcome.failures["base"])
    # The registry as a whole failed: after the attempts for one image nobody waits for the others.
    assert proxy.seen["GET /v2/"] == 3


def test_no_tag_is_set_on_what_cannot_be_read_back(world: World, proxy: Proxy) -> None:
    proxy.harms.append(Harm("^GET .*/manifests/sha256", change=True))
    outcome = world.push(proxy.host, only=("app",))
    assert [type(error) for error in outcome.failures.values()] == [IntegrityError]
    proxy.clear()
    assert digest_at(world, f"{proxy.host}/scs/app:{SERIES}") is None


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_push_goes_on_where_it_was(
    world: World, proxy: Proxy, store: Store, by: signal.Signals
) -> None:
    stall = Harm("^PATCH .*/app/", stall=True)
    proxy.harms.append(stall)
    argv = [
        sys.executable,
        "-m",
        "scs_build",
        "push",
        "--to",
        f"{proxy.host}/scs",
        "--plain-http",
        "base",
        "app",
    ]
    environment = {**os.environ, "SCS_BUILD_STORE": str(store.root)}
    with subprocess.Popen(
        [*argv, "-o", world.output], env=environment, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert proxy.stalled.wait(60)
        process.send_signal(by)
        _, said = process.communicate(timeout=20)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGKILL: -9}[by], said
    proxy.clear()
    outcome = world.push(proxy.host, only=("base", "app"))
    assert {image.name: image.action for image in outcome.images} == {"base": "there", "app": "sent"}
    assert digest_at(world, f"{proxy.host}/scs/app:{SERIES}") == world.wanted("app").digest


def test_the_command_tells_references_bytes_and_failures(
    call: Call, world: World, proxy: Proxy, registry: Registry
) -> None:
    proxy.harms.append(Harm("/other/", status=403))
    said = call("push", "--to", f"{proxy.host}/scs", "--plain-http", "-o", world.output, "--json")
    assert said.status == 20
    names = [image["name"] for image in said.json["images"]]
    assert names == ["base", "app"]
    assert said.json["registry"] == f"{proxy.host}/scs"
    assert said.json["failures"][0]["name"] == "other"
    assert said.json["failures"][0]["error"] == "AccessError"
    proxy.clear()
    said = call("push", "base", "--to", f"{proxy.host}/scs", "--plain-http", "-o", world.output)
    assert said.status == 0
    assert f"{proxy.host}/scs/base@{world.wanted('base').digest}" in said.stdout
    beside = call(
        "push", "base", "--to", f"{proxy.host}/scs", "--plain-http", "--manifest",
        world.output / f"{SERIES}.json",
    )  # fmt: skip
    assert beside.status == 0, beside.stderr
    assert call("push", "none", "--to", f"{registry.host}/scs", "-o", world.output).status == 17
    assert call("push", "--to", f"{registry.host}/scs", "--tag", "-x", "-o", world.output).status == 18
    assert call("push", "--to", "not a registry", "-o", world.output).status == 18
