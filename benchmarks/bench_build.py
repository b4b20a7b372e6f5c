"""Where the time of building debian -> python -> keystone from artefacts goes.

Usage: python -m benchmarks.bench_build [--json]

Builds into a fresh store that holds the artefacts, and reports the seconds of each part beside the time
that hashing and compressing the same layers takes alone in the same run. Parts run side by side, so that
they add up to more than the whole. Compiling C, and the tree that it needs, is a line of its own. Then a
changed line in a file of keystone, a plan with nothing to do, peak memory, and the sizes of keystone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import deflate

from scs_build.build.build import BuildResult, Options, build
from scs_build.engines.native import NativeEngine
from scs_build.plan.graph import Graph
from scs_build.progress import Silent
from scs_build.recipes.catalogue import Catalogue
from scs_build.recipes.site import load_site
from scs_build.store.store import Store

ROOT = Path(__file__).resolve().parents[1]
SERIES = "2026.1"
IMAGES = ("debian", "python", "keystone")
CHUNK = 32 << 20


def build_images(store: Store, root: Path = ROOT) -> BuildResult:
    catalogue = Catalogue.load(root)
    graph = Graph(catalogue, catalogue.series(SERIES), "linux/amd64")
    options = Options(load_site(), NativeEngine, jobs=os.cpu_count() or 1)
    result = build(graph, store, IMAGES, options, Silent())
    assert not result.failures, result.failures
    return result


def fresh_store(store: Store) -> Store:
    """Return a store that holds every blob of `store` and nothing that was built."""
    other = Store(store.root.with_name(f"{store.root.name}-bench-{os.getpid()}"))
    other.prepare()
    for blob in store.blobs.iterdir():
        (other.blobs / blob.name).hardlink_to(blob)
    return other


def compression_floor(store: Store, result: BuildResult) -> float:
    """Return the seconds that hashing and compressing the images' layers takes, nothing else."""
    digests = {layer["digest"] for image in result.images for layer in image.to_json()["layers"]}
    tars = [deflated(store.blob(digest)) for digest in digests]
    began = time.perf_counter()
    for tar in tars:
        hashlib.sha256(tar).digest()
        for start in range(0, len(tar), CHUNK):
            deflate.gzip_compress(tar[start : start + CHUNK], 6)
    return time.perf_counter() - began


def deflated(path: Path) -> bytes:
    return subprocess.run(["gzip", "-dc", path], check=True, capture_output=True).stdout


def one_line_change(store: Store, work: Path) -> tuple[float, int]:
    """Return seconds and written layers of a build after a change of one line in a keystone file."""
    shutil.copytree(ROOT / "images", work / "images")
    path = work / "images/iaas/keystone/files/uwsgi.ini"
    path.write_text(f"{path.read_text()}\n# {time.time_ns()}\n")
    before = {layer["digest"] for i in build_images(store).images for layer in i.to_json()["layers"]}
    command = [sys.executable, "-m", "scs_build", "build", "keystone", "--json", "--root", str(work)]
    command += ["-o", str(work / "out"), "--store", str(store.root)]
    began = time.perf_counter()
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout)
    seconds = time.perf_counter() - began
    return seconds, len({layer["digest"] for layer in answer["images"][0]["layers"]} - before)


def nothing_to_do(store: Store) -> float:
    command = [sys.executable, "-m", "scs_build", "plan", "--store", str(store.root)]
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    return time.perf_counter() - began


def measure(store: Store) -> dict[str, float]:
    build_images(store)
    other = fresh_store(store)
    try:
        began = time.perf_counter()
        result = build_images(other)
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        steps = result.step_seconds
        wheels = sum(spent for name, spent in steps.items() if name.startswith(("wheel:", "toolchain:")))
        builder = steps.get("install:python-builder", 0.0)
        installed = sum(spent for name, spent in steps.items() if name.startswith(("install:", "scaffold")))
        layers = compression_floor(other, result)
        change, written = one_line_change(other, other.root / "changed")
        keystone = next(i for i in result.images if i.name == "keystone").to_json()
        return {
            "build_seconds": seconds,
            "compiling_seconds": wheels + builder,
            "installing_seconds": installed - builder,
            "venv_seconds": steps["venv:keystone"],
            "selecting_seconds": sum(s for name, s in steps.items() if name.startswith("packages:")),
            "compression_floor_seconds": layers,
            "peak_memory_bytes": peak,
            "one_line_change_seconds": change,
            "one_line_change_layers": written,
            "nothing_to_do_seconds": nothing_to_do(store),
            "keystone_unpacked_bytes": keystone["unpacked_bytes"],
            "keystone_packed_bytes": sum(layer["bytes"] for layer in keystone["layers"]),
        }
    finally:
        shutil.rmtree(other.root)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    figures = measure(Store.default())
    if parser.parse_args().json:
        print(json.dumps(figures, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:<28} {value:>16,.2f}")


if __name__ == "__main__":
    main()
