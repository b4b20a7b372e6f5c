"""A provider's layer at both engines, with evidence: an image of its own, its own package in one of ours."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from scs_build.build.build import BuildResult
from scs_build.locks.files import lock_path, read_lock, write_lock
from scs_build.plan.graph import Graph
from scs_build.recipes.catalogue import Catalogue
from scs_build.store.store import Store
from tests.integration.build import parts
from tests.integration.conftest import PLATFORM, ROOT, SERIES
from tests.integration.daemon import Daemon

MEMCACHED, NOTES = "images/iaas/memcached", "images/operations/notes"
RECIPE = """\
format: 1
kind: container
description: what this cloud tells its users
parent: python
files:
  - {source: notes.txt, path: /usr/share/notes/notes.txt}
smoke:
  command: [/usr/bin/python3, -c, "print(open('/usr/share/notes/notes.txt').read())"]
  expect: welcome
"""
TOUCHED = ("memcached", "notes")


@dataclass(frozen=True)
class Layer:
    """The layer's folder, and the hash of the package that it brings."""

    folder: Path
    package: str

    def graph(self) -> Graph:
        catalogue = Catalogue.load(ROOT, (self.folder,))
        return Graph(catalogue, catalogue.series(SERIES), PLATFORM)


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory, store: Store, built: BuildResult) -> Layer:
    """A layer that adds `notes` on our Python, and whose lock alone gives memcached another package."""
    folder = tmp_path_factory.mktemp("acme")
    files = {
        "layer.yaml": "format: 1\nname: acme\nvendor: Acme Cloud\n",
        f"{NOTES}/recipe.yaml": RECIPE,
        f"{NOTES}/files/notes.txt": "welcome\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    done = parts.call(store, "lock", "notes", "--recipes", str(folder))
    assert done.returncode == 0, done.stderr
    ours = read_lock(lock_path(ROOT / MEMCACHED, SERIES), PLATFORM)
    (line,) = (artefact for artefact in ours.artefacts if artefact.name == "memcached")
    package = remade(store.blob(line.sha256), tmp_path_factory.mktemp("deb"), f"{line.version}+acme1")
    sha256 = store.add_file(package)
    mine = replace(line, version=f"{line.version}+acme1", sha256=sha256, size=package.stat().st_size)
    lines = tuple(mine if artefact is line else artefact for artefact in ours.artefacts)
    write_lock(lock_path(folder / MEMCACHED, SERIES), replace(ours, artefacts=lines))
    return Layer(folder, sha256)


def remade(package: Path, folder: Path, version: str) -> Path:
    """Return a Debian package that somebody changed and gave a version of their own."""
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    control = tree / "DEBIAN/control"
    fields = control.read_text().splitlines()
    fields = [f"Version: {version}" if field.startswith("Version:") else field for field in fields]
    control.write_text("\n".join([*fields, ""]))
    (tree / "usr/share/doc/memcached/ACME").write_text("changed by Acme Cloud\n")
    (folder / "made.deb").unlink(missing_ok=True)
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", tree, folder / "made.deb"], check=True)
    return folder / "made.deb"


@pytest.fixture(scope="module")
def out(layer: Layer, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    made = call(store, layer, "build", *TOUCHED, "-o", str(folder))
    assert {image["name"]: image["origin"] for image in made["images"]} == {
        name: ["acme"] for name in TOUCHED
    }
    return folder


def call(store: Store, layer: Layer, *args: str) -> Any:
    done = parts.call(store, *args, "--offline", "--json", "--recipes", str(layer.folder))
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def partly(store: Store, layer: Layer, out: Path) -> Iterator[Store]:
    """A store that lacks the results of all that only the layer's images need."""
    steps = parts.steps_of(layer.graph(), TOUCHED)
    there = [name for name in steps if name.rpartition(":")[2] not in TOUCHED]
    with parts.beside(store, "layer") as folder:
        yield parts.copied(store, Store(folder / "store"), steps.values(), there)


def test_both_engines_make_the_same_of_a_layer(
    partly: Store, store: Store, layer: Layer, out: Path, at_docker_daemon: Daemon, tmp_path: Path
) -> None:
    call(partly, layer, "build", *TOUCHED, "--engine", "docker", "-o", str(tmp_path))
    steps = parts.steps_of(layer.graph(), TOUCHED).values()
    assert parts.results(partly, steps) == parts.results(store, steps)
    index = Path("oci/index.json")
    assert (tmp_path / index).read_bytes() == (out / index).read_bytes()


@pytest.mark.parametrize("engine", ["native", "docker"])
def test_a_layer_fulfils_the_same_contracts_at_both_engines(
    engine: str, store: Store, layer: Layer, out: Path, at_docker_daemon: Daemon
) -> None:
    answer = call(store, layer, "check", *TOUCHED, "--engine", engine, "-o", str(out))
    assert answer["origins"] == {image: ["acme"] for image in TOUCHED}
    found = {(v["image"], v["check"]): v["ok"] for v in answer["verdicts"]}
    checks = ("attribution", "sbom", "licences", "hardening", "smoke")
    assert found == {(image, check): True for image in TOUCHED for check in checks}
    statement = json.loads(Path(answer["evidence"], "notes/smoke.json").read_bytes())
    assert statement["predicate"]["configuration"][0]["annotations"] == {"runner": engine}


def test_a_package_of_the_provider_is_in_bill_licences_and_explanations(
    store: Store, layer: Layer, out: Path
) -> None:
    bill = call(store, layer, "sbom", "memcached")
    (mine,) = (each for each in bill["components"] if each["name"] == "memcached")
    assert mine["version"].endswith("+acme1")
    assert mine["hashes"] == [{"alg": "SHA-256", "content": layer.package}]
    assert mine["licenses"]
    ours = json.loads(parts.call(store, "sbom", "memcached", "--offline").stdout)
    others = [
        [each for each in document["components"] if each["name"] not in ("memcached", "debian")]
        for document in (bill, ours)
    ]
    assert [c["purl"] for c in others[0]] == [c["purl"] for c in others[1]]
    paths = ["/usr/bin/memcached", "/usr/share/doc/memcached/copyright"]
    program, copyright_ = call(store, layer, "explain", "memcached", *paths)["paths"]
    assert program["verdict"] == f"a file of memcached {mine['version']}"
    assert program["facts"]["artefact"] == copyright_["facts"]["artefact"] == f"sha256:{layer.package}"
    assert program["facts"]["locked"].startswith(f"{layer.folder}/{MEMCACHED}/lock/{SERIES}.json:")
    (notes,) = call(store, layer, "explain", "notes", "/usr/share/notes/notes.txt")["paths"]
    assert notes["verdict"] == "a file of the recipe of notes"
    assert notes["facts"]["recipe"].startswith(f"{layer.folder}/{NOTES}/recipe.yaml:")


def test_evidence_about_what_the_layer_does_not_touch_is_ours(
    store: Store, layer: Layer, out: Path, tmp_path: Path
) -> None:
    theirs = call(store, layer, "check", "mariadb", "-o", str(tmp_path / "theirs"))
    assert theirs["origins"] == {}
    done = parts.call(store, "check", "mariadb", "--offline", "--json", "-o", str(tmp_path / "ours"))
    assert done.returncode == 0, done.stderr
    statements = [
        {v["check"]: v["statement"] for v in answer["verdicts"]}
        for answer in (theirs, json.loads(done.stdout))
    ]
    assert statements[0] == statements[1]


def test_what_was_said_of_our_images_stays_true_beside_a_layer(
    store: Store, layer: Layer, tmp_path: Path
) -> None:
    place = ("--offline", "-o", str(tmp_path))
    for options in ((), ("--recipes", str(layer.folder)), ()):
        for command in ("build", "check"):
            done = parts.call(store, command, *place, *options)
            assert done.returncode == 0, done.stderr
        kept = tmp_path / f"kept-{len(options)}.json"
        kept.write_bytes((tmp_path / f"{SERIES}.json").read_bytes())
        assert json.loads(kept.read_bytes())["evidence"]
        for manifest in tmp_path.glob("kept-*.json"):
            said = parts.call(store, "verify", str(manifest), "-o", str(tmp_path)).stderr
            assert "the statement" not in said
