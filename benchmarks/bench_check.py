"""What checking the five images takes, beside reading and hashing their trees once in the same run.

Usage: python -m benchmarks.bench_check [--json]

The floors go over each layer once, whichever of the five images have it: `floor_layers` inflates the layers
as they are shipped and hashes every file in them, in one process; `floor_layers_jobs` does the same in as
many processes as the check is given, the largest layer first; `floor_trees` walks the unpacked trees and
hashes every file, in one process. None of them pays for the start of an interpreter. The limit of 2 is held
against `floor_layers`; the ratio to `floor_layers_jobs` is told beside it. A check cannot come near twice the
latter, as the largest layer is read in one go, and starting and composing bills are no reading.

`scs-build check` is measured as a command, its start included, with the store as a build leaves it: images,
layers, the index of each artefact, and nothing that a check has found out. `looking` are the checks that read
(attribution, sbom, licences, hardening); `known` is the same when it is known what artefacts say of
themselves. `smoke` are those that start services, which no reading limits; `check` is all in one. Then all
again with nothing changed, beside a plan with nothing to do. Of each the best of some runs; `cpu` is the
user's time of the processes.
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
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from scs_build.build.members import index_of, members_of
from scs_build.build.runnable import runnable_images
from scs_build.canonical import digest_of
from scs_build.evidence.sources import sources_of
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

SMOKE = ("smoke",)
# What only records about layers, verdicts and whole answers have.
FOUND = {"items", "statement", "answer"}

Measured = tuple[float, float]


def measured(calls: Mapping[str, Callable[[], object]]) -> dict[str, Measured]:
    """Return seconds and seconds of CPU (own and of children) of the quickest of some runs, made in turn."""
    found: dict[str, Measured] = {}
    for _ in range(RUNS):
        for name, call in calls.items():
            before, began = cpu(), time.perf_counter()
            call()
            run = (time.perf_counter() - began, cpu() - before)
            found[name] = min(found.get(name, run), run)
    return found


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


def read_layers_in_processes(blobs: list[Path]) -> None:
    largest_first = sorted(blobs, key=lambda blob: -blob.stat().st_size)
    with get_context("fork").Pool(os.cpu_count()) as pool:
        pool.map(read_layers, [[blob] for blob in largest_first], chunksize=1)


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
            if not _is_evidence(json.loads(record.read_bytes())):
                (other.steps / record.name).hardlink_to(record)
        yield other
    finally:
        shutil.rmtree(other.root)


def _is_evidence(record: dict[str, Any]) -> bool:
    """Tell whether a record is something that a check found out: of an image, a layer or an artefact."""
    value = record.get("value")
    said = isinstance(value, dict) and value.keys() >= {"statements", "texts"}
    return said or bool(record.keys() & FOUND)


def index(graph: Graph, store: Store, names: Iterable[str]) -> None:
    """Index the artefacts of images anew, as the build does that first meets them."""
    sources = {source.built.sha256: source for name in names for source in sources_of(graph, store, name)}
    for source in sources.values():
        store.record_path(digest_of(index_of(source.built))).unlink(missing_ok=True)
        members_of(store, source.built)


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
    digests = {layer["digest"] for record in records.values() for layer in record["layers"]}
    blobs = [store.blob(digest) for digest in sorted(digests)]
    floors: dict[str, Callable[[], object]] = {
        "floor_layers": lambda: read_layers(blobs),
        "floor_layers_jobs": lambda: read_layers_in_processes(blobs),
        "floor_trees": lambda: read_trees(list(layers)),
    }
    with without_evidence(store) as other:
        index(graph, other, images)
        figures = measured({**floors, **checks(other)})
    found = {f"{name}_seconds": seconds for name, (seconds, _) in figures.items()}
    found |= {f"{name}_cpu_seconds": spent for name, (_, spent) in figures.items()}
    for name in ("looking", "looking_known", "check"):
        for floor in ("floor_layers", "floor_layers_jobs", "floor_trees"):
            found[f"{name}_per_{floor}"] = figures[name][0] / figures[floor][0]
    found["check_again_per_plan"] = figures["check_again"][0] / figures["plan"][0]
    return found


def checks(store: Store) -> dict[str, Callable[[], object]]:
    """Return the commands to measure, in an order in which each leaves what the next one needs."""
    out = ("-o", str(store.root / "out"))
    # An answer is remembered only where a manifest has it in its index.
    command(store, "build", *out)
    looking, smoke = ([option for name in names for option in ("--only", name)] for names in (LOOKING, SMOKE))
    kept = {path.name for path in store.steps.iterdir()}
    command(store, "check", *looking, *out)
    said = {path.name for path in store.steps.iterdir() if not _is_layer_or_verdict(path)}
    return {
        "looking": forgetful(store, kept, "check", *looking, *out),
        "looking_known": forgetful(store, said, "check", *looking, *out),
        "smoke": forgetful(store, kept, "check", *smoke, *out),
        "check": forgetful(store, kept, "check", *out),
        "check_again": lambda: command(store, "check", *out),
        "plan": lambda: command(store, "plan"),
    }


def _is_layer_or_verdict(path: Path) -> bool:
    return bool(json.loads(path.read_bytes()).keys() & FOUND)


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
