"""What checking the five images takes, beside reading and hashing their trees once in the same run.

Usage: python -m benchmarks.bench_check [--json]

Two floors, each in one thread and over each layer once: inflating the layers as they are shipped and hashing
every file in them, and walking the unpacked trees and hashing every file. Then `scs-build check` as a
command, its start included, with a store that knows the images and nothing about them: all checks, and
those that only look. Then all again with nothing changed, beside a plan with nothing to do. Of each the
best of three runs; `cpu` is the user's time of the processes.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scs_build.build.runnable import runnable_images
from scs_build.oci.unpack import open_layer
from scs_build.plan.graph import Graph
from scs_build.progress import Silent
from scs_build.recipes.catalogue import Catalogue
from scs_build.store.store import Store

ROOT = Path(__file__).resolve().parents[1]
SERIES = "2026.1"
RUNS = 3
PIECE = 1 << 20
# What only looks, and runs nothing.
LOOKING = ("attribution", "sbom", "licences", "hardening")

Measured = tuple[float, float]


def measured(call: Callable[[], object]) -> Measured:
    """Return seconds and seconds of CPU (own and of children) of the quickest of some runs."""
    found = []
    for _ in range(RUNS):
        before, began = cpu(), time.perf_counter()
        call()
        found.append((time.perf_counter() - began, cpu() - before))
    return min(found)


def cpu() -> float:
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime for part in usage)


def read_layers(blobs: list[Path]) -> None:
    for blob in blobs:
        with open_layer(blob) as members:
            for tar, member in members:
                if stream := tar.extractfile(member) if member.isreg() else None:
                    whole = hashlib.sha256()
                    while piece := stream.read(PIECE):
                        whole.update(piece)


def read_trees(trees: list[Path]) -> None:
    for tree in trees:
        for folder, _, names in os.walk(tree):
            for name in names:
                path = os.path.join(folder, name)  # noqa: PTH118 - a Path per file would be part of the floor
                if not os.path.islink(path):  # noqa: PTH114
                    with open(path, "rb") as stream:  # noqa: PTH123
                        hashlib.file_digest(stream, "sha256")


@contextmanager
def without_evidence(store: Store) -> Iterator[Store]:
    """Lend a store that shares everything with `store` but what is known about images."""
    other = Store(store.root.with_name(f"{store.root.name}-bench-{os.getpid()}"))
    other.prepare()
    try:
        other.trees.rmdir()
        other.trees.symlink_to(store.trees)
        for blob in store.blobs.iterdir():
            (other.blobs / blob.name).hardlink_to(blob)
        for record in store.steps.glob("*.json"):
            value = json.loads(record.read_bytes())
            if not value.keys() & {"items", "statement"}:
                (other.steps / record.name).hardlink_to(record)
        yield other
    finally:
        shutil.rmtree(other.root)


def command(store: Store, *args: str) -> None:
    argv = [sys.executable, "-m", "scs_build", *args, "--store", str(store.root)]
    subprocess.run(argv, check=True, capture_output=True, cwd=ROOT)


def forgetful(store: Store, kept: set[str], *args: str) -> Callable[[], None]:
    """Return a command that knows only the records `kept`, whatever ran before it."""

    def call() -> None:
        for record in store.steps.iterdir():
            if record.name not in kept:
                record.unlink()
        command(store, *args)

    return call


def measure(store: Store) -> dict[str, float]:
    catalogue = Catalogue.load(ROOT)
    graph = Graph(catalogue, catalogue.series(SERIES), "linux/amd64")
    images = runnable_images(graph, store, catalogue.images(graph.series), os.cpu_count() or 1, Silent())
    layers = dict.fromkeys(layer for image in images.values() for layer in image.layers)
    records = {image.digest: json.loads(store.read_bytes(image.digest)) for image in images.values()}
    blobs = {layer["digest"] for record in records.values() for layer in record["layers"]}
    figures: dict[str, Measured] = {
        "floor_layers": measured(lambda: read_layers([store.blob(digest) for digest in sorted(blobs)])),
        "floor_trees": measured(lambda: read_trees(list(layers))),
    }
    with without_evidence(store) as other:
        out = ("-o", str(other.root / "out"))
        # An answer is remembered only where a manifest has it in its index.
        command(other, "build", *out)
        only = [option for name in LOOKING for option in ("--only", name)]
        kept = {path.name for path in other.steps.iterdir()}
        figures["check_looking"] = measured(forgetful(other, kept, "check", *only, *out))
        figures["check"] = measured(forgetful(other, kept, "check", *out))
        figures["check_again"] = measured(lambda: command(other, "check", *out))
        figures["plan"] = measured(lambda: command(other, "plan"))
    found = {f"{name}_seconds": seconds for name, (seconds, _) in figures.items()}
    found |= {f"{name}_cpu_seconds": spent for name, (_, spent) in figures.items()}
    for name in ("check", "check_looking"):
        found[f"{name}_per_layers"] = figures[name][0] / figures["floor_layers"][0]
        found[f"{name}_per_trees"] = figures[name][0] / figures["floor_trees"][0]
    found["check_again_per_plan"] = figures["check_again"][0] / figures["plan"][0]
    return found


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
