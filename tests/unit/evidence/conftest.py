"""Small real images: entries written as layers, a recipe, and the subject that checks look at."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from scs_build.evidence.subject import Subject
from scs_build.oci.entry import Entry
from scs_build.oci.image import ImageConfig, write_image
from scs_build.oci.layer import write_layer
from scs_build.plan.graph import Graph
from scs_build.recipes.catalogue import Catalogue
from scs_build.store.store import Store

ROOT = Path(__file__).resolve().parents[3]
SERIES = "2026.1"
UID = 42400
RECIPE = "format: 1\nkind: container\ndescription: a thing\n"
SOUND = ImageConfig(created="2026-04-01T00:00:00Z", user=f"{UID}:{UID}", env=("PATH=/usr/bin",))
SOURCE = '#include <stdio.h>\n#include <string.h>\nint main(int argc, char **argv) {\n' \
    'char text[64]; strcpy(text, argv[argc - 1]); printf("%s %d\\n", text, argc); return 0; }\n'  # fmt: skip
LIBRARY = (
    "-O2", "-fPIC", "-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2",
    "-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack",
)  # fmt: skip
HARDENED = (*LIBRARY, "-fPIE", "-pie")


class Lab:
    """A checkout with the project's own policy, and a store; images are made at will."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        self.store = Store(folder / "store")
        self.write("images/paths.yaml", "format: 1\ngenerated: []\ndropped: []\n")
        self.write(
            f"images/series/{SERIES}/series.yaml",
            f'format: 1\nname: "{SERIES}"\nreleased: "2026-04-01"\n'
            "debian: {release: trixie, suites: [trixie]}\n"
            'python: {version: "3.13", manylinux: "2_41", prefix: /opt/venv}\n'
            "constraints: upper-constraints.txt\n",
        )
        self.write(f"images/series/{SERIES}/upper-constraints.txt", "")
        self.write("policy/hardening.yaml", (ROOT / "policy/hardening.yaml").read_text())

    def write(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def graph(self) -> Graph:
        catalogue = Catalogue.load(self.root)
        return Graph(catalogue, catalogue.series(SERIES), "linux/amd64")

    def recipe(self, name: str, text: str = "") -> None:
        self.write(f"images/bases/{name}/recipe.yaml", RECIPE + text)

    def image(
        self, *layers: Iterable[Entry], recipe: str = "", config: ImageConfig = SOUND, name: str = "thing"
    ) -> Subject:
        """Return an image of these layers, lowest first."""
        self.recipe(name, recipe)
        made = [write_layer(self.store, entries, 1) for entries in layers]
        image = write_image(self.store, config, made)
        record = {
            "result": image.digest,
            "config": image.config_digest,
            "layers": [
                {"digest": x.digest, "diff_id": x.diff_id, "bytes": x.size, "unpacked": x.files} for x in made
            ],
        }
        return Subject(self.graph(), self.store, name, record)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:
    """Return what gcc makes of a program with these options, after those that harden it."""
    folder = tmp_path_factory.mktemp("gcc")
    (folder / "program.c").write_text(SOURCE)
    known: dict[tuple[str, ...], bytes] = {}

    def compile_with(*options: str) -> bytes:
        if options not in known:
            hardening = LIBRARY if "-shared" in options else HARDENED
            argv = ["gcc", "program.c", "-w", "-o", "program", *hardening, *options]
            subprocess.run(argv, cwd=folder, check=True, capture_output=True)
            known[options] = (folder / "program").read_bytes()
        return known[options]

    return compile_with


def file(path: str, content: bytes | str = b"x", mode: int = 0o644, uid: int = 0, gid: int = 0) -> Entry:
    data = content.encode() if isinstance(content, str) else content
    return Entry(path, "file", mode, uid, gid, data)


def program(path: str, content: bytes | str = "#!/usr/bin/none\n", mode: int = 0o755) -> Entry:
    return file(path, content, mode)
