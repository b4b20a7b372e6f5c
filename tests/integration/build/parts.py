"""Stores that hold a part of another one, by hard links, and builds in them that are disturbed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from scs_build.build.install import tree_digest
from scs_build.plan.graph import Graph
from scs_build.plan.step import Step
from scs_build.store.removal import remove
from scs_build.store.store import Store
from tests.integration.conftest import ROOT

# Made in seconds: a base, and an image on it.
QUICK = ("debian", "memcached")
GROUND = ("tools", "scaffold")


def steps_of(graph: Graph, names: Iterable[str] = QUICK) -> dict[str, Step]:
    """Return all steps of these images by name."""
    return {name: step for image in names for name, step in graph.image(image).closure().items()}


@contextmanager
def beside(store: Store, label: str = "test") -> Iterator[Path]:
    """Lend an empty folder on the disk of a store, so that files of it can be linked."""
    folder = Path(mkdtemp(prefix=f"{store.root.name} {label} ", dir=store.root.parent))
    try:
        yield folder
    finally:
        remove(folder)


def copied(source: Store, target: Store, steps: Iterable[Step], results: Iterable[str]) -> Store:
    """Link the artefacts of `steps` into a store, and what the steps named in `results` left.

    What a test damages must become a file of its own first: `damage` does that.
    """
    target.prepare()
    done = set(results)
    for step in steps:
        for artefact in step.artefacts:
            _link(source.blob(artefact.sha256), target.blob(artefact.sha256))
        if step.name in done:
            _copy_result(source, target, step)
    return target


def results(store: Store, steps: Iterable[Step]) -> dict[str, str]:
    """Return the result of each step by name: the digest of the tree or layer or image that it made."""
    return {step.name: _result(store, step) for step in steps}


def _result(store: Store, step: Step) -> str:
    record = store.record(step.key)
    assert record is not None, f"{step.name} is not built"
    if step.kind != "tools":
        return str(record["result"])
    # The tools are named by their key, as nothing but what the lock names is in them.
    return tree_digest(store.tree_path(record["uses"]["trees"][0]))


def _copy_result(source: Store, target: Store, step: Step) -> None:
    record = source.record(step.key)
    assert record is not None, f"{step.name} is not built"
    target.put_record(step.key, record)
    for blob in record["uses"]["blobs"]:
        _link(source.blob(blob), target.blob(blob))
    for tree in record["uses"]["trees"]:
        # Links of everything: owners, attributes and the device nodes by which a layer removes a path.
        argv = ["cp", "--archive", "--link", source.tree_path(tree), target.tree_path(tree)]
        subprocess.run(argv, check=True)


def _link(source: str | Path, target: str | Path, *, follow_symlinks: bool = False) -> None:
    if Path(target).exists():
        return
    try:
        os.link(source, target, follow_symlinks=follow_symlinks)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=follow_symlinks)


def damage(blob: Path) -> None:
    """Flip a byte in the middle of a blob, in this store only."""
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.unlink()
    blob.write_bytes(data)


def argv(store: Store, *args: str, root: Path = ROOT) -> list[str]:
    return [sys.executable, "-m", "scs_build", *args, "--store", str(store.root), "--root", str(root)]


def call(store: Store, *args: str, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv(store, *args, root=root), cwd=ROOT, capture_output=True, text=True)


def build(store: Store, out: Path, *names: str, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return call(store, "build", *names, "--offline", "--json", "-o", str(out), root=root)


def digests(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return {image["name"]: image["digest"] for image in answer["images"]}


@contextmanager
def running(store: Store, out: Path, *names: str) -> Iterator[subprocess.Popen[str]]:
    """Start a build whose progress can be read."""
    line = argv(store, "build", *names, "--offline", "-j2", "-o", str(out))
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(line, cwd=ROOT, text=True, start_new_session=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(process: subprocess.Popen[str], step: str) -> bool:
    """Wait until the build says that it starts a step; False when it ended before."""
    assert process.stderr is not None
    return any(line.startswith(f"{step} ...") for line in process.stderr)
