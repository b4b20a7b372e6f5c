"""Out of a registry: exactly the digests of the manifest, or nothing."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scs_build.canonical import sha256_file
from scs_build.engines.tools import ToolsTree
from scs_build.errors import (
    DiskFullError,
    IntegrityError,
    ManifestError,
    RegistryError,
    UnknownNameError,
)
from scs_build.manifest.manifest import Manifest, content_digest, write_manifest
from scs_build.manifest.verify import verify_manifest
from scs_build.oci.layout import blob_path
from scs_build.oci.verify import verify_layout
from scs_build.store.store import Store
from tests.integration.conftest import SERIES
from tests.integration.oci.registry.conftest import BIG, Said, World, make_world
from tests.integration.oci.registry.proxy import Harm, Proxy
from tests.integration.oci.registry.server import Registry, serve
from tests.integration.oci.registry.test_push import damage

Call = Callable[..., Said]


@pytest.fixture(scope="module")
def template(registry_tools: ToolsTree, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Images, and the data of a registry to which they were pushed."""
    folder = tmp_path_factory.mktemp("template")
    world = make_world(registry_tools, folder)
    with serve(registry_tools, folder / "registry") as running:
        assert not world.push(running.host).failures
    return world


@pytest.fixture
def registry(template: World, tmp_path: Path) -> Iterator[Registry]:
    """A registry of our own that has the images."""
    shutil.copytree(template.room / "registry/data", tmp_path / "registry/data")
    with serve(template.tools, tmp_path / "registry") as running:
        yield running


@pytest.fixture
def pushed(template: World, tmp_path: Path) -> World:
    """The images that the registry has."""
    return replace(template, room=tmp_path)


@pytest.fixture
def elsewhere(tmp_path: Path) -> tuple[Path, Store]:
    """An output folder and a store that know nothing."""
    return tmp_path / "elsewhere/out", Store(tmp_path / "elsewhere/store")


def test_what_comes_is_what_the_manifest_says_and_each_byte_comes_once(
    pushed: World, proxy: Proxy, elsewhere: tuple[Path, Store]
) -> None:
    output, store = elsewhere
    outcome = pushed.pull(proxy.host, output, store)
    assert not outcome.failures
    assert verify_manifest(pushed.manifest, output / "oci") == []
    assert verify_layout(output / "oci") == []
    assert (output / "oci/index.json").read_bytes() == (pushed.layout / "index.json").read_bytes()
    configs = {parts for parts in pushed.blobs() if parts not in layers(pushed)}
    # A configuration is asked for twice: skopeo looks into it, then copies it.
    assert proxy.down <= sum(size * (1 + (d in configs)) for d, size in pushed.blobs().items())
    received = sum(image.moved for image in outcome.images)
    assert received == sum(pushed.blobs().values()) + sum(
        blob_path(pushed.layout, image.digest).stat().st_size for image in pushed.images
    )


def layers(world: World) -> set[str]:
    return {layer for image in world.images for layer in image.layers}


def test_what_the_layout_or_the_store_holds_does_not_come_again(
    pushed: World, proxy: Proxy, elsewhere: tuple[Path, Store]
) -> None:
    output, store = elsewhere
    pushed.pull(proxy.host, output, store, only=("base", "app"))
    proxy.clear()
    assert [i.action for i in pushed.pull(proxy.host, output, store, only=("base", "app")).images] == [
        "there", "there",
    ]  # fmt: skip
    assert not proxy.seen
    # The layout gone: from the store. The store gone: from the layout.
    shutil.rmtree(output)
    again = pushed.pull(proxy.host, output, store, only=("app",))
    assert [(image.action, image.moved) for image in again.images] == [("there", 0)]
    fresh = Store(store.root.parent / "fresh")
    proxy.clear()
    index = output / "oci/index.json"
    index.write_text(index.read_text().replace(f"app:{SERIES}", "app:old"))
    again = pushed.pull(proxy.host, output, fresh, only=("app",))
    assert [(image.action, image.moved) for image in again.images] == [("there", 0)]
    assert proxy.down == 0


@pytest.mark.parametrize("what", ["manifest", "config", "layer"])
def test_other_bytes_than_the_digest_stands_for_reach_nobody(
    pushed: World, proxy: Proxy, elsewhere: tuple[Path, Store], what: str
) -> None:
    output, store = elsewhere
    app = pushed.wanted("app")
    own = pushed.blobs("app").keys() - pushed.blobs("base").keys()
    config = next(iter(own - set(app.layers)))
    digest = {"manifest": app.digest, "config": config, "layer": pushed.layer("app")}[what]
    proxy.harms.append(Harm(f"^GET .*{digest}", change=True))
    outcome = pushed.pull(proxy.host, output, store)
    assert isinstance(outcome.failures["app"], IntegrityError), outcome.failures
    assert set(outcome.failures) == {"app"}
    assert not store.has(digest)
    assert not blob_path(output / "oci", digest).exists()
    assert not [path for path in store.blobs.iterdir() if path.name != sha256_file(path)]
    proxy.clear()
    assert not pushed.pull(proxy.host, output, store).failures
    assert verify_manifest(pushed.manifest, output / "oci") == []


def test_a_transfer_that_breaks_off_goes_on_where_it_was(
    pushed: World, proxy: Proxy, elsewhere: tuple[Path, Store]
) -> None:
    output, store = elsewhere
    shared, own = pushed.wanted("app").layers
    proxy.harms += [
        Harm(f"^GET .*{shared}", cut_answer=BIG // 2, times=1),
        Harm(f"^GET .*{own}", cut_answer=9),
    ]
    failures = pushed.pull(proxy.host, output, store, only=("app",)).failures
    assert isinstance(failures["app"], RegistryError)
    assert "broke off" in str(failures["app"])
    assert store.has(shared)
    proxy.clear()
    (image,) = pushed.pull(proxy.host, output, store, only=("app",)).images
    assert image.skipped >= pushed.blobs()[shared]
    assert proxy.down < pushed.blobs()[own] + BIG // 10


def test_what_the_registry_lacks_is_told_for_each_image_and_the_others_come(
    pushed: World, registry: Registry, elsewhere: tuple[Path, Store]
) -> None:
    output, store = elsewhere
    registry.blob(pushed.layer("other")).unlink()
    link = "docker/registry/v2/repositories/scs/app/_manifests"
    shutil.rmtree(registry.folder / "data" / link)
    outcome = pushed.pull(registry.host, output, store)
    assert {name: type(error) for name, error in outcome.failures.items()} == {
        "app": UnknownNameError, "other": UnknownNameError,
    }  # fmt: skip
    assert [image.name for image in outcome.images] == ["base"]


def test_a_damaged_blob_in_layout_and_store_is_mended(
    pushed: World, proxy: Proxy, elsewhere: tuple[Path, Store]
) -> None:
    output, store = elsewhere
    pushed.pull(proxy.host, output, store)
    shared, own = pushed.wanted("app").layers
    for digest in (shared, own):
        damage(blob_path(output / "oci", digest))
    damage(store.blob(own))
    proxy.clear()
    outcome = pushed.pull(proxy.host, output, store)
    assert {image.name: image.moved for image in outcome.images}["app"] == pushed.blobs()[own]
    assert verify_manifest(pushed.manifest, output / "oci") == []


def test_a_layout_can_be_carried_to_a_registry_without_a_network(
    call: Call, pushed: World, registry: Registry, store: Store, tmp_path: Path
) -> None:
    """The air-gapped way: pull on one side, carry the folder, verify and push on the other."""
    manifest = pushed.output / f"{SERIES}.json"
    here, there = tmp_path / "here", tmp_path / "there"
    said = call("pull", "--from", f"{registry.host}/scs", "--plain-http", "--manifest", manifest, "-o", here)
    assert said.status == 0, said.stderr
    shutil.copytree(here, there)
    shutil.rmtree(here)
    assert call("verify", "-o", there).status == 0
    with serve(pushed.tools, tmp_path / "second") as second:
        said = call("push", "--to", f"{second.host}/mirror", "--plain-http", "-o", there, "--json")
        assert said.status == 0, said.stderr
        for image in pushed.images:
            found = pushed.skopeo().raw(f"{second.host}/mirror/{image.name}@{image.digest}")
            assert found == blob_path(pushed.layout, image.digest).read_bytes()
    for image in pushed.images:  # the user's store need not keep them
        for digest in (image.digest, *pushed.blobs(image.name)):
            store.blob(digest).unlink(missing_ok=True)


def test_a_part_of_a_manifest_leaves_no_manifest_that_cannot_be_verified(
    call: Call, pushed: World, registry: Registry, tmp_path: Path
) -> None:
    manifest = pushed.output / f"{SERIES}.json"
    where = (
        "--from",
        f"{registry.host}/scs",
        "--plain-http",
        "--manifest",
        manifest,
        "-o",
        tmp_path / "part",
    )
    assert call("pull", "base", *where).status == 0
    assert not (tmp_path / f"part/{SERIES}.json").exists()
    assert call("pull", "nothing", *where).status == UnknownNameError.exit_code


def test_a_manifest_that_names_other_layers_than_its_images_have_is_told(
    call: Call, pushed: World, registry: Registry, tmp_path: Path
) -> None:
    base, *rest = pushed.manifest.content.images
    image = base.model_copy(update={"layers": rest[0].layers})
    content = pushed.manifest.content.model_copy(update={"images": (image,)})
    write_manifest(Manifest(format=1, digest=content_digest(content), content=content), tmp_path / "m.json")
    where = ("--from", f"{registry.host}/scs", "--plain-http", "--manifest", tmp_path / "m.json")
    said = call("pull", *where, "-o", tmp_path / "wrong")
    assert said.status == ManifestError.exit_code
    assert not (tmp_path / f"wrong/{SERIES}.json").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for one image."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={BIG * 2}", "small", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


class Careless(Store):
    """A store that does not ask whether there is room."""

    def require_space(self, size: int) -> None:
        pass


@pytest.mark.parametrize("kind", [Store, Careless])
def test_a_disk_without_room_is_told_and_what_came_stays(
    pushed: World, registry: Registry, small_disk: Path, kind: type[Store]
) -> None:
    outcome = pushed.pull(registry.host, small_disk / "out", kind(small_disk / "store"))
    assert {type(error) for error in outcome.failures.values()} == {DiskFullError}
    assert {image.name for image in outcome.images} >= {"base"}


def test_no_room_for_the_layout_alone_is_told_too(
    pushed: World, registry: Registry, small_disk: Path, tmp_path: Path
) -> None:
    outcome = pushed.pull(registry.host, small_disk / "out", Store(tmp_path / "store"))
    assert {type(error) for error in outcome.failures.values()} == {DiskFullError}
    assert str(small_disk / "out/oci") in str(outcome.failures["other"])
    assert {image.name for image in outcome.images} >= {"base"}
