"""A small catalogue with hand-made locks: a base, a compiler, an application, a sibling."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scs_build.plan.graph import Graph
from scs_build.recipes.catalogue import Catalogue

SERIES = "2026.1"
RECIPES = {
    "bases/tools": "kind: tools\ndescription: programs\ngroups: {core: [bubblewrap, libc-bin]}\n",
    "bases/scaffold": "kind: scaffold\ndescription: a ground\ndebian: {packages: [apt]}\n",
    "bases/base": "kind: container\ndescription: a base\n"
    "debian: {packages: [openssl, python3.13]}\nusers:\n  nobody1: {uid: 42400}\nuser: nobody1\n",
    "bases/compiler": "kind: builder\ndescription: a compiler\nparent: base\ndebian: {build: [gcc]}\n",
    "iaas/app": "kind: container\ndescription: an application\nparent: base\nbuilder: compiler\n"
    "python: {requirements: [app, fast], compile: [fast]}\n"
    "files:\n  - {source: app.ini, path: /etc/app.ini}\n"
    "services:\n  app: {command: [/usr/bin/app], ports: [5000]}\n",
    "iaas/sibling": "kind: container\ndescription: a sibling\nparent: base\ndebian: {packages: [sib]}\n",
}
LOCKS: dict[str, list[tuple[str, ...]]] = {
    "bases/tools": [("deb", "bubblewrap", "0.12"), ("deb", "libc-bin", "2.41"), ("wheel", "uv", "0.9")],
    "bases/scaffold": [("deb", "apt", "3.0"), ("deb", "dpkg", "1.22")],
    "bases/base": [("deb", "openssl", "3.5.1"), ("deb", "python3.13", "3.13.5")],
    "bases/compiler": [("deb", "gcc", "14", "build")],
    "iaas/app": [("sdist", "fast", "2.0"), ("wheel", "app", "1.0"), ("wheel", "setuptools", "80", "build")],
    "iaas/sibling": [("deb", "sib", "1.0")],
}


def artefact(kind: str, name: str, version: str, role: str = "image") -> dict[str, Any]:
    digest = hashlib.sha256(f"{kind} {name} {version}".encode()).hexdigest()
    head = {"kind": kind, "name": name, "version": version, "role": role, "sha256": digest, "size": 1}
    if kind != "deb":
        return {**head, "file": f"{name}-{version}.whl"}
    source = {"source": name, "source_version": version, "architecture": "amd64"}
    return {**head, "path": f"pool/{name}.deb", **source}


class World:
    """A checkout in a folder, and the ways in which people change it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for place, recipe in RECIPES.items():
            self.write(f"{place}/recipe.yaml", f"format: 1\n{recipe}")
            self.lock(place, LOCKS[place])
        self.write("iaas/app/files/app.ini", "one\n")
        self.write("paths.yaml", "format: 1\ngenerated: []\ndropped: []\n")
        self.series(SERIES)

    def write(self, path: str, text: str) -> None:
        target = self.root / "images" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def change(self, path: str, old: str, new: str) -> None:
        text = (self.root / "images" / path).read_text()
        assert old in text
        self.write(path, text.replace(old, new))

    def lock(self, place: str, artefacts: list[tuple[str, ...]], series: str = SERIES) -> None:
        platforms = {"linux/amd64": [artefact(*line) for line in artefacts]}
        platforms["linux/arm64"] = platforms["linux/amd64"]
        name = place.rpartition("/")[2]
        text = json.dumps({"format": 1, "image": name, "series": series, "platforms": platforms})
        self.write(f"{place}/lock/{series}.json", text)

    def series(self, name: str) -> None:
        self.write(
            f"series/{name}/series.yaml",
            f'format: 1\nname: "{name}"\nreleased: "{name.replace(".", "-0")}-01"\n'
            "debian: {release: trixie, suites: [trixie]}\n"
            'python: {version: "3.13", manylinux: "2_41", prefix: /opt/venv}\n'
            "constraints: upper-constraints.txt\n",
        )
        self.write(f"series/{name}/upper-constraints.txt", "")

    def graph(self, series: str = SERIES, platform: str = "linux/amd64") -> Graph:
        catalogue = Catalogue.load(self.root)
        return Graph(catalogue, catalogue.series(series), platform)

    def keys(self, **where: str) -> dict[str, str]:
        """The key of every step of every image, by name."""
        graph = self.graph(**where)
        images = graph.catalogue.images(graph.series)
        return {n: s.key for image in images for n, s in graph.image(image).closure().items()}

    def changed_by(self, change: Callable[[], None]) -> set[str]:
        """The names of the steps whose keys a change alters, adds or takes away."""
        before = self.keys()
        change()
        return {name for name, _ in before.items() ^ self.keys().items()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "checkout")
