"""An image that holds a file from a URL, an unpacked archive and a git tree, built with the native engine."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scs_build.build.build import BuildResult, BuiltImage
from scs_build.build.members import members_of
from scs_build.errors import IntegrityError
from scs_build.inputs.place import placed
from scs_build.locks.check import check_lock
from scs_build.locks.lock import lock_images
from scs_build.plan.history import result_of
from scs_build.progress import Silent
from scs_build.recipes.catalogue import Catalogue
from scs_build.recipes.site import load_site
from scs_build.store.store import Store
from tests.integration.build import parts
from tests.integration.conftest import PLATFORM, SERIES, build_images, graph_of
from tests.integration.locks.repository import Repository

RECIPE = """\
format: 1
kind: container
description: An image of what lies elsewhere, for tests
parent: debian
inputs:
  - {type: url, name: tool, url: "https://up.example.org/tool-{version}", version: "1.0",
     path: /usr/bin/tool, unpack: false, mode: "0755"}
  - {type: url, name: page, url: "https://up.example.org/page-{version}.tar.gz", version: "2.0",
     path: /usr/share/page, strip: 1}
  - {type: git, name: tree, url: "https://up.example.org/tree", version: "3.0", path: /usr/share/tree}
files:
  - {source: own.conf, path: /usr/share/tree/own.conf}
"""
Upstream = tuple[Path, Repository]


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Upstream:
    """What lies upstream, and a site file that says where that is on this disk."""
    folder = tmp_path / "upstream"
    repository = Repository(folder / "tree")
    repository.write("bin/run", b"#!/bin/sh\n", 0o755)
    repository.write("data", b"data\n")
    repository.write("share/man/page.1", b"a page\n")
    repository.link("lib/link", "../data")
    repository.commit()
    repository.git("tag", "3.0")
    (folder / "tool-1.0").write_bytes(b"\x7fELF tool")
    with tarfile.open(folder / "page-2.0.tar.gz", "w:gz") as archive:
        for name, mode in (("page-2.0", 0o2775), ("page-2.0/empty", 0o700)):
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.uid = tarfile.DIRTYPE, mode, 1000
            archive.addfile(info)
        for name, mode in (("page-2.0/index.html", 0o664), ("page-2.0/cgi", 0o4711)):
            info = tarfile.TarInfo(name)
            info.mode, info.uid, info.gid, info.mtime, info.size = mode, 1000, 1000, 7, 4
            archive.addfile(info, io.BytesIO(b"page"))
        info = tarfile.TarInfo("page-2.0/hard")
        info.type, info.linkname = tarfile.LNKTYPE, "page-2.0/index.html"
        archive.addfile(info)
    site(tmp_path, monkeypatch, folder)
    return folder, repository


def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    path = tmp_path / f"site-{folder.name}.yaml"
    path.write_text(f"format: 1\nrewrite: {{'https://up.example.org': ['file://{folder}']}}\n")
    monkeypatch.setenv("SCS_BUILD_SITE", str(path))


@pytest.fixture
def own(store: Store, built: BuildResult) -> Iterator[Store]:
    """A store on the same disk in which the base is built, and nothing else is."""
    other = Store(store.root.parent / f"{store.root.name}-inputs-{os.getpid()}")
    steps = parts.steps_of(graph_of(), ("debian",))
    yield parts.copied(store, other, steps.values(), steps)
    shutil.rmtree(other.root)


@pytest.fixture
def root(checkout: Path) -> Path:
    folder = checkout / "images/iaas/upper"
    (folder / "files").mkdir(parents=True)
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / "files/own.conf").write_text("own\n")
    return checkout


def lock(root: Path, store: Store, tmp_path: Path, **options: bool) -> None:
    lock_images(
        Catalogue.load(root), SERIES, ("upper",), PLATFORM, load_site(),
        store=store, work=tmp_path / "work", progress=Silent(), **options,
    )  # fmt: skip
    assert check_lock(Catalogue.load(root), SERIES, "upper", PLATFORM) == []


def build(root: Path, store: Store) -> BuiltImage:
    result = build_images(store, ("upper",), root)
    assert not result.failures, result.failures
    return result.images[0]


def files_layer(store: Store, image: BuiltImage) -> dict[str, tarfile.TarInfo]:
    """Return the entries of the layer that the image itself adds; the system's comes after it."""
    digest = image.record["layers"][-2]["digest"]
    data = gzip.decompress(store.read_bytes(digest))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {info.name: info for info in archive}


def test_an_image_holds_them_all_as_roots_with_one_of_two_modes(
    root: Path, own: Store, upstream: Upstream, tmp_path: Path
) -> None:
    lock(root, own, tmp_path)
    entries = files_layer(own, build(root, own))
    assert {name: oct(i.mode) for name, i in entries.items() if i.isfile()} == {
        "usr/bin/tool": "0o755",
        "usr/share/page/cgi": "0o755", "usr/share/page/hard": "0o644", "usr/share/page/index.html": "0o644",
        "usr/share/tree/bin/run": "0o755", "usr/share/tree/data": "0o644",
        "usr/share/tree/own.conf": "0o644", "usr/share/tree/share/man/page.1": "0o644",
    }  # fmt: skip
    assert entries["usr/share/tree/lib/link"].linkname == "../data"
    assert entries["usr/share/page/empty"].isdir()
    assert {oct(i.mode) for i in entries.values() if i.isdir()} == {"0o755"}
    assert {(i.uid, i.gid, i.mtime) for i in entries.values()} == {(0, 0, 1577836800)}


def test_every_path_is_a_member_of_a_locked_artefact(
    root: Path, own: Store, upstream: Upstream, tmp_path: Path
) -> None:
    lock(root, own, tmp_path)
    image = build(root, own)
    graph = graph_of(root)
    lines = graph.lock("upper").artefacts
    brought = {path: m for line in lines for path, m in placed(line, members_of(own, line))}
    layer = files_layer(own, image)
    files = {name for name, info in layer.items() if not info.isdir()}
    assert files - brought.keys() == {"usr/share/tree/own.conf"}
    assert {name: layer[name].size for name in files & brought.keys() if layer[name].isfile()} == {
        path: member.size for path, member in brought.items() if member.type == "file"
    }


def test_where_they_come_from_changes_neither_key_nor_digest(
    root: Path, own: Store, upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock(root, own, tmp_path)
    before = build(root, own)
    shutil.move(upstream[0], tmp_path / "moved")
    site(tmp_path, monkeypatch, tmp_path / "moved")
    recipe = root / "images/iaas/upper/recipe.yaml"
    recipe.write_text(recipe.read_text().replace("org/tree", "org/./tree"))
    lock(root, own, tmp_path)
    forget(root, own)
    after = build(root, own)
    assert (after.action, after.key, after.digest) == ("build", before.key, before.digest)


def test_a_build_fetches_what_the_lock_names(
    root: Path, own: Store, upstream: Upstream, tmp_path: Path
) -> None:
    """Also a commit from which its branch went on."""
    lock(root, own, tmp_path)
    upstream[1].write("later", b"later\n")
    upstream[1].commit()
    forget(root, own)
    build(root, own)
    assert all(own.has(line.sha256, line.size) for line in graph_of(root).lock("upper").artefacts)


def test_other_content_than_locked_is_refused(
    root: Path, own: Store, upstream: Upstream, tmp_path: Path
) -> None:
    lock(root, own, tmp_path)
    (upstream[0] / "tool-1.0").write_bytes(b"\x7fELF evil")
    forget(root, own)
    with pytest.raises(IntegrityError, match=r"tool 1\.0"):
        build(root, own)


def forget(root: Path, store: Store) -> None:
    """Take away what the image's own steps made, and the artefacts that they read."""
    steps = graph_of(root).image("upper").closure()
    for step in (steps["image:upper"], steps["files:upper"]):
        results = {need.name: result_of(store, need) for need in step.needs}
        found = {name: record["result"] for name, record in results.items() if record}
        for key in (step.key, step.resolved_key(found)):
            store.record_path(key).unlink(missing_ok=True)
        for artefact in step.artefacts:
            store.blob(artefact.sha256).unlink()


def test_one_changed_tree_writes_one_layer(
    root: Path, own: Store, upstream: Upstream, tmp_path: Path
) -> None:
    lock(root, own, tmp_path)
    before = build(root, own)
    upstream[1].write("data", b"other data\n")
    upstream[1].commit()
    upstream[1].git("tag", "--force", "3.0")
    lock(root, own, tmp_path, upgrade=True)
    after = build(root, own)
    layers = [{layer["digest"] for layer in image.record["layers"]} for image in (before, after)]
    assert len(layers[1] - layers[0]) == 1
