"""The floor of a build: the ordinary tools, one after another, on the same inputs, with nothing around them.

mmdebstrap installs the packages of the whole lineage at once; apt adds those of the builder; uv builds the
sdists; uv makes the virtual environment, which compileall compiles; the layers are hashed and compressed.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import deflate

from scs_build.build.install import INSTALL, SCAFFOLD
from scs_build.build.repository import deb_name, repository_files
from scs_build.build.venv import SYNC
from scs_build.build.wheel import BUILD, file_name
from scs_build.build.workshop import link_or_copy
from scs_build.engines.native import NativeEngine
from scs_build.engines.spec import STEP_CAPABILITIES, StepSpec
from scs_build.engines.tools import ToolsTree
from scs_build.inputs.artefact import Artefact
from scs_build.oci.layer import CHUNK, LEVEL
from scs_build.plan.graph import Graph
from scs_build.plan.step import Step
from scs_build.store.store import Store

MOUNTING = (*STEP_CAPABILITIES, "CAP_SYS_ADMIN", "CAP_NET_ADMIN")
COMPILE_ALL = """
"$PREFIX/bin/python" -I -m compileall -q -j 2 --invalidation-mode unchecked-hash "$PREFIX/lib" || true
"""


class Floor:
    """Runs the ordinary tools on the inputs of one image, and keeps the seconds of each part."""

    def __init__(self, graph: Graph, store: Store, image: str, tools: ToolsTree, work: Path) -> None:
        self.graph, self.store, self.image, self.tools = graph, store, image, tools
        self.engine = NativeEngine(tools)
        self.work = work
        self.seconds: dict[str, float] = {}
        self.steps = graph.image(image).closure()

    def run(self) -> dict[str, float]:
        """Run every part; return its seconds by name."""
        runtime = self._timed("install", self._install)
        builder = self._timed("builder", lambda: self._builder(runtime))
        self._timed("compile", lambda: self._compile(runtime, builder))
        self._timed("venv", lambda: self._venv(runtime))
        return self.seconds

    def _timed(self, name: str, part: Callable[[], Path]) -> Path:
        began = time.perf_counter()
        result = part()
        self.seconds[name] = time.perf_counter() - began
        return result

    def _of_kind(self, *kinds: str) -> list[Step]:
        return [step for step in self.steps.values() if step.kind in kinds]

    def _install(self) -> Path:
        """Return a tree with every package of the lineage, made by one call of mmdebstrap."""
        lineage = {f"install:{component.name}" for component in self.graph.lineage(self.image)}
        steps = [step for name, step in self.steps.items() if name in lineage or step.kind == "scaffold"]
        debs = unique(artefact for step in steps for artefact in step.artefacts)
        release = self.graph.series.debian.release
        folder = self._folder("debs", debs, deb_name)
        for name, content in repository_files(self.store, debs, release).items():
            (folder / name).write_bytes(content)
        script = SCAFFOLD.replace("--mode=root", f"--mode=root --include={','.join(a.name for a in debs)}")
        changes = self._run(
            "install", script, (self.tools.path,), folder, capabilities=MOUNTING, RELEASE=release,
            DEBIAN_FRONTEND="noninteractive",
        )  # fmt: skip
        return changes / "scaffold"

    def _builder(self, runtime: Path) -> Path:
        """Return what the packages of the builder add."""
        names = [name for name in self.steps if name in ("install:python-builder", f"toolchain:{self.image}")]
        debs = unique(artefact for name in names for artefact in self.steps[name].artefacts)
        folder = self._folder("builder", debs, deb_name)
        return self._run("builder", INSTALL, (runtime,), folder, DEBIAN_FRONTEND="noninteractive")

    def _compile(self, runtime: Path, builder: Path) -> Path:
        """Return the folder of the wheels that uv builds from sdists."""
        made = self.work / "wheels"
        made.mkdir()
        for step in self._of_kind("wheel"):
            sdist, *build = step.artefacts
            folder = self._folder(f"sdist-{sdist.name}", build, lambda a: f"wheels/{file_name(a)}")
            link_or_copy(self.store.blob(sdist.sha256), folder / file_name(sdist))
            changes = self._run(
                f"wheel-{sdist.name}", BUILD, (runtime, builder), folder, SDIST=file_name(sdist),
                PYTHON=self.graph.series.python.version, CFLAGS="-O2", CPUCOUNT="2",
            )  # fmt: skip
            for wheel in (changes / "var/tmp/wheel").glob("*.whl"):
                shutil.copyfile(wheel, made / wheel.name)
        return made

    def _venv(self, runtime: Path) -> Path:
        """Return the virtual environment, compiled."""
        step = next(iter(self._of_kind("venv")))
        folder = self._folder("venv", step.artefacts, lambda a: f"wheels/{file_name(a)}")
        lines = [f"{a.name}=={a.version} --hash=sha256:{a.sha256}\n" for a in step.artefacts]
        for wheel in (self.work / "wheels").iterdir():
            shutil.copyfile(wheel, folder / "wheels" / wheel.name)
            name, version = wheel.name.split("-")[:2]
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            lines.append(f"{name}=={version} --hash=sha256:{digest}\n")
        (folder / "requirements.txt").write_text("".join(lines))
        python = self.graph.series.python
        return self._run(
            "venv", SYNC + COMPILE_ALL, (runtime,), folder, PREFIX=python.prefix, PYTHON=python.version
        )

    def _folder(self, name: str, artefacts: Iterable[Artefact], named: Callable[[Artefact], str]) -> Path:
        folder = self.work / f"in-{name}"
        folder.mkdir()
        for artefact in artefacts:
            link_or_copy(self.store.blob(artefact.sha256), folder / named(artefact))
        if name != "debs":
            shutil.copyfile(self.tools.path / "usr/bin/uv", folder / "uv")
            (folder / "uv").chmod(0o755)
        return folder

    def _run(
        self, name: str, script: str, layers: tuple[Path, ...], folder: Path,
        capabilities: tuple[str, ...] = STEP_CAPABILITIES, **environment: str,
    ) -> Path:  # fmt: skip
        into = self.work / name
        into.mkdir()
        spec = StepSpec(
            name=name, argv=("/bin/sh", "-euc", script), layers=layers, inputs={"/step": folder},
            environment=environment, capabilities=capabilities,
        )  # fmt: skip
        self.engine.run(spec, into, self.work / f"{name}.log")
        return into


def unique(artefacts: Iterable[Artefact]) -> list[Artefact]:
    return list({artefact.sha256: artefact for artefact in artefacts}.values())


def compression(store: Store, digests: Iterable[str]) -> float:
    """Return the seconds that hashing and compressing layers takes, in one thread."""
    spent = 0.0
    for digest in sorted(digests):
        tar = subprocess.run(["gzip", "-dc", store.blob(digest)], check=True, capture_output=True).stdout
        began = time.perf_counter()
        hashlib.sha256(tar).digest()
        for start in range(0, len(tar), CHUNK):
            deflate.gzip_compress(tar[start : start + CHUNK], LEVEL)
        spent += time.perf_counter() - began
    return spent
