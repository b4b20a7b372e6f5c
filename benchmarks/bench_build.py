"""debian -> python -> keystone from artefacts in the store, against the ordinary tools alone.

Usage: python -m benchmarks.bench_build [--json]

Builds in a fresh store with nothing built, right after the floor of benchmarks/floor.py ran on the same
inputs: with what compiles C (its tree and the compiler), and without, the wheels being there. Then a
changed line in a file of keystone, peak memory, and the sizes of keystone.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.floor import Floor, compression
from benchmarks.timing import ROOT, SCS_BUILD, show
from scs_build.engines.tools import ToolsTree
from scs_build.plan.graph import Graph
from scs_build.plan.history import result_of
from scs_build.recipes.catalogue import Catalogue
from scs_build.store.store import Store

SERIES = "2026.1"
IMAGES = ("debian", "python", "keystone")
IMAGE = "keystone"


def graph_of(root: Path = ROOT) -> Graph:
    catalogue = Catalogue.load(root)
    return Graph(catalogue, catalogue.series(SERIES), "linux/amd64")


def tools_of(graph: Graph, store: Store) -> ToolsTree:
    """Return the tools tree of a store in which something was built."""
    record = result_of(store, graph.tools())
    assert record is not None
    return ToolsTree(store.tree_path(record["uses"]["trees"][0]))


def build_images(store: Store, *images: str, root: Path = ROOT) -> dict[str, Any]:
    """Build as a user does, in a process of its own; return `build --json`, and the seconds of the whole."""
    output = store.root / "output"
    command: list[str | Path] = [
        *SCS_BUILD,
        "build",
        *images,
        "--json",
        "--root",
        root,
        "-o",
        output,
        "--store",
        store.root,
    ]
    began = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    seconds = time.perf_counter() - began
    shutil.rmtree(output)
    return {**json.loads(done.stdout), "process_seconds": seconds}


def layers_of(answer: Mapping[str, Any]) -> set[str]:
    return {layer["digest"] for image in answer["images"] for layer in image["layers"]}


@contextmanager
def beside(store: Store) -> Iterator[Path]:
    """Lend a directory on the file system of a store, removed when every measurement is done.

    ext4 takes seconds to make files in a place where thousands were just removed: it passes over inodes
    that were freed in the last minutes, one by one. Nothing is removed between two measurements.
    """
    folder = store.root.with_name(f"{store.root.name}-bench-{os.getpid()}")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def fresh_store(store: Store, folder: Path, kept: tuple[str, ...] = ()) -> Store:
    """Return a store with the artefacts of `store` and, of what was built, only steps of the kinds `kept`."""
    other = Store(folder)
    other.prepare()
    steps = {s.name: s for name in IMAGES for s in graph_of().image(name).closure().values()}.values()
    blobs = {artefact.sha256 for step in steps for artefact in step.artefacts}
    for step in steps:
        if step.kind in kept:
            record = result_of(store, step)
            assert record is not None
            other.put_record(step.key, record)
            blobs.update(record["uses"]["blobs"])
    for blob in blobs:
        other.blob(blob).hardlink_to(store.blob(blob))
    return other


def floor_of(store: Store, folder: Path, answer: Mapping[str, Any]) -> Mapping[str, float]:
    """Return the seconds of the parts of the floor."""
    graph = graph_of()
    folder.mkdir()
    parts = Floor(graph, store, IMAGE, tools_of(graph, store), folder).run()
    return {**parts, "compress": compression(store, layers_of(answer))}


def one_line_change(store: Store, built: Mapping[str, Any]) -> tuple[float, int]:
    """Return seconds and written layers of a build after a change of one line in a keystone file."""
    work = store.root / "changed"
    shutil.copytree(ROOT / "images", work / "images")
    path = work / "images/iaas/keystone/files/uwsgi.ini"
    path.write_text(f"{path.read_text()}\n# {time.time_ns()}\n")
    answer = build_images(store, IMAGE, root=work)
    return answer["process_seconds"], len(layers_of(answer) - layers_of(built))


def measure(store: Store) -> dict[str, float]:
    """Return all figures; needs the images built, so that all artefacts are there."""
    with beside(store) as folder:
        parts = floor_of(store, folder / "floor", build_images(store, *IMAGES))
        plain = parts["install"] + parts["venv"] + parts["compress"]
        other = fresh_store(store, folder / "with-wheels", kept=("wheel",))
        without = build_images(other, *IMAGES)["process_seconds"]
        other = fresh_store(store, folder / "empty")
        answer = build_images(other, *IMAGES)
        change, written = one_line_change(other, answer)
    complete = answer["process_seconds"]
    keystone = next(image for image in answer["images"] if image["name"] == IMAGE)
    return {
        **{f"floor_{name}_seconds": spent for name, spent in parts.items()},
        "floor_seconds": plain,
        "build_seconds": without,
        "build_ratio (limit 1.5)": without / plain,
        "floor_with_compiler_seconds": sum(parts.values()),
        "build_with_compiler_seconds": complete,
        "build_with_compiler_ratio": complete / sum(parts.values()),
        "one_line_change_seconds (limit 3)": change,
        "one_line_change_layers (limit 1)": written,
        "keystone_unpacked_bytes (limit 200 MB)": keystone["unpacked_bytes"],
        "keystone_packed_bytes (limit 80 MB)": sum(layer["bytes"] for layer in keystone["layers"]),
        # Of the largest process: ours, or one that it started.
        "peak_memory_bytes (limit 1 GiB)": peak_memory(),
    }


def peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


if __name__ == "__main__":
    show("debian -> python -> keystone, nothing built before", measure(Store.default()))
