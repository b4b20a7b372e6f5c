"""Small images with a manifest, registries of our own, and the command line as people call it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from scs_build.cli.main import main
from scs_build.cli.moved import wanted_of
from scs_build.cli.options import Session
from scs_build.cli.running import tools_of
from scs_build.engines.tools import ToolsTree
from scs_build.manifest.manifest import (
    Content,
    Manifest,
    ManifestImage,
    ManifestLayer,
    content_digest,
    write_manifest,
)
from scs_build.oci.entry import Entry, Layer
from scs_build.oci.image import ImageConfig, write_image
from scs_build.oci.layer import write_layer
from scs_build.oci.layout import blob_path, write_layout
from scs_build.oci.registry import skopeo as skopeo_module
from scs_build.oci.registry.access import Access
from scs_build.oci.registry.address import Place, read_place
from scs_build.oci.registry.images import Outcome, Wanted
from scs_build.oci.registry.pull import pull
from scs_build.oci.registry.push import push
from scs_build.oci.registry.skopeo import Skopeo
from scs_build.progress import Silent
from scs_build.store.store import Store
from tests.integration.conftest import PLATFORM, SERIES, graph_of
from tests.integration.docker_daemon import at_docker_daemon, docker_daemon  # noqa: F401 - fixtures
from tests.integration.oci.registry.proxy import Proxy, in_front_of
from tests.integration.oci.registry.server import Registry, serve

# Enough for an upload to be cut in the middle, little enough to be quick.
BIG = 400_000


@pytest.fixture(scope="session")
def registry_tools(store: Store) -> ToolsTree:
    """skopeo and docker-registry of the committed lock."""
    return tools_of(Session(store_option=store.root), graph_of(), "registry")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials, proxies or configuration of this machine; attempts follow each other at once."""
    for name in ("REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "SCS_BUILD_JSON", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(skopeo_module, "PAUSES", (0.01, 0.01))


@dataclass
class World:
    """Three images in an output folder (`base`; `app` and `other` on its layer), and ways to move them."""

    tools: ToolsTree
    room: Path
    store: Store
    output: Path
    manifest: Manifest
    access: Access = field(default_factory=lambda: Access(plain_http=True))
    rooms: int = 0

    @property
    def layout(self) -> Path:
        return self.output / "oci"

    @property
    def images(self) -> list[Wanted]:
        return wanted_of(self.manifest, ())

    def wanted(self, name: str) -> Wanted:
        return next(image for image in self.images if image.name == name)

    def layer(self, name: str) -> str:
        """The layer that an image has for itself."""
        return list(self.wanted(name).layers)[-1]

    def skopeo(self) -> Skopeo:
        self.rooms += 1
        room = self.room / f"room-{self.rooms}"
        room.mkdir()
        return Skopeo(self.tools, self.access, room)

    def push(
        self, host: str, *tags: str, only: tuple[str, ...] = (), jobs: int = 2, move: bool = False
    ) -> Outcome:
        return push(
            wanted_of(self.manifest, only), self.layout, place(host), tags or (SERIES,), self.skopeo(),
            move_tags=move, jobs=jobs, progress=Silent(),
        )  # fmt: skip

    def pull(self, host: str, output: Path, store: Store, only: tuple[str, ...] = ()) -> Outcome:
        return pull(
            wanted_of(self.manifest, only), place(host), output / "oci", SERIES, store, self.skopeo(),
            jobs=2, progress=Silent(),
        )  # fmt: skip

    def blobs(self, *names: str) -> dict[str, int]:
        """The size of every blob of some images (all without names), each once."""
        found: dict[str, int] = {}
        for image in self.images:
            if image.name in names or not names:
                manifest = json.loads(blob_path(self.layout, image.digest).read_bytes())
                named = [manifest["config"], *manifest["layers"]]
                found |= {blob["digest"]: blob["size"] for blob in named}
        return found


def place(host: str) -> Place:
    return read_place(f"{host}/scs")


def make_layer(store: Store, name: str, size: int) -> Layer:
    content = os.urandom(size)
    return write_layer(store, [Entry(name, "file", 0o644, content=content)], 1)


def make_images(store: Store, output: Path) -> Manifest:
    """Write three images and their manifest, as a build leaves them."""
    shared = make_layer(store, "shared", BIG)
    stacks = {"base": [shared]}
    stacks |= {name: [shared, make_layer(store, name, BIG)] for name in ("app", "other")}
    lines = []
    for name, layers in stacks.items():
        config = ImageConfig(created="2026-04-01T00:00:00Z", platform=PLATFORM, labels={"name": name})
        image = write_image(store, config, layers)
        write_layout(store, output / "oci", {f"{name}:{SERIES}": image})
        listed = tuple(ManifestLayer(digest=la.digest, diff_id=la.diff_id, bytes=la.size) for la in layers)
        lines.append(
            ManifestImage(
                name=name, digest=image.digest, key="0" * 64, locks={}, unpacked_bytes=BIG, layers=listed
            )
        )
    content = Content(series=SERIES, platform=PLATFORM, images=tuple(lines))
    manifest = Manifest(format=1, digest=content_digest(content), content=content)
    write_manifest(manifest, output / f"{SERIES}.json")
    return manifest


def make_world(tools: ToolsTree, folder: Path) -> World:
    store = Store(folder / "store")
    return World(tools, folder, store, folder / "out", make_images(store, folder / "out"))


@pytest.fixture
def world(registry_tools: ToolsTree, tmp_path: Path) -> World:
    return make_world(registry_tools, tmp_path)


@pytest.fixture
def registry(registry_tools: ToolsTree, tmp_path: Path) -> Iterator[Registry]:
    """A registry that everybody may use, without TLS."""
    with serve(registry_tools, tmp_path / "registry") as running:
        yield running


@pytest.fixture
def proxy(registry: Registry) -> Iterator[Proxy]:
    """A proxy in front of that registry."""
    with in_front_of(registry.host) as running:
        yield running


@dataclass(frozen=True)
class Said:
    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], store: Store, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Said]:
    """Call `scs-build` with the user's store, in which the tools are."""
    monkeypatch.setenv("SCS_BUILD_STORE", str(store.root))

    def run(*args: str | Path) -> Said:
        try:
            status = main([str(arg) for arg in args])
        except SystemExit as end:
            status = int(str(end.code))
        return Said(status, *capsys.readouterr())

    return run
