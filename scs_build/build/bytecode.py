"""Byte code of wheels: compiled once per wheel and interpreter, for all images that hold the wheel."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from scs_build.build.pyc import bytecode_path, compile_sources
from scs_build.build.records import Record, make_record
from scs_build.build.workshop import Workshop, link_or_copy
from scs_build.canonical import digest_of
from scs_build.inputs.artefact import Artefact
from scs_build.oci.tree import index
from scs_build.plan.history import usable
from scs_build.plan.step import FORMATS, Step

# The Python files of a wheel that an image ships: installed path -> name in the wheel.
Sources = Mapping[str, str]


def run_bytecode(shop: Workshop, step: Step) -> Record:
    """Compile the locked wheels of an image, as far as no image had them before."""
    # The tools bring the shell and what else a step may need; the interpreter's own files lie above them.
    stack = (*shop.tools.layers, *shop.stack(step.runs_on[0]))
    records = wheel_bytecode(shop, step, step.artefacts, stack)
    result = digest_of({sha256: record["result"] for sha256, record in records.items()})
    return make_record(result, trees=_trees(records))


def bytecode_files(
    shop: Workshop, step: Step, wheels: Iterable[Artefact], stack: tuple[Path, ...]
) -> dict[str, Path]:
    """Return the byte code of wheels by the path that it belongs at; what is missing is compiled."""
    roots = [shop.store.tree_path(tree) for tree in _trees(wheel_bytecode(shop, step, wheels, stack))]
    return {path.relative_to(root).as_posix(): path for root in roots for path in root.rglob("*.pyc")}


def wheel_bytecode(
    shop: Workshop, step: Step, wheels: Iterable[Artefact], stack: tuple[Path, ...]
) -> dict[str, Record]:
    """Return the record of the byte code of each wheel, by the wheel's hash.

    The step's facts name the interpreter, `stack` holds it. What is missing is compiled in one sandbox.
    """
    interpreter = {name: value for name, value in step.facts.items() if name.startswith("interpreter/")}
    records: dict[str, Record] = {}
    missing: list[tuple[Artefact, str, Sources]] = []
    for wheel in wheels:
        sources = _sources(shop, wheel)
        key = _key(wheel, sources, interpreter)
        record = usable(shop.store, shop.store.record(key))
        if record is None:
            missing.append((wheel, key, sources))
        else:
            records[wheel.sha256] = record
    return records | _compile(shop, step, missing, stack)


def _compile(
    shop: Workshop, step: Step, missing: list[tuple[Artefact, str, Sources]], stack: tuple[Path, ...]
) -> dict[str, Record]:
    records = {}
    site = shop.environment.site_packages
    with shop.store.scratch("sources") as folder:
        for wheel, _, sources in missing:
            _unpack(shop.store.blob(wheel.sha256), sources, site, folder)
        paths = [path for _, _, sources in missing for path in sources]
        with compile_sources(shop, step.name, stack, paths, {f"/{site}": folder}) as compiled:
            for wheel, key, sources in missing:
                record = records[wheel.sha256] = _keep(shop, key, sources, compiled)
                shop.store.put_record(key, record)
    return records


def _sources(shop: Workshop, wheel: Artefact) -> Sources:
    """Return what lies below site-packages; scripts are run, not imported, and dropped paths not shipped."""
    placed = {shop.environment.place(member.path): member.path for member in shop.members(wheel)}
    return {
        path: name
        for path, name in placed.items()
        if path.endswith(".py")
        and path.startswith(f"{shop.environment.site_packages}/")
        and shop.dropped.first(path) is None
    }


def _key(wheel: Artefact, sources: Sources, interpreter: Mapping[str, str]) -> str:
    """Return what the byte code depends on: the sources, their places, and what compiles."""
    inputs = {"wheel": wheel.sha256, "paths": sorted(sources), "interpreter": interpreter}
    return digest_of({"bytecode": inputs, "format": FORMATS["bytecode"]})


def _unpack(blob: Path, sources: Sources, site: str, folder: Path) -> None:
    """Put the sources of a wheel below `folder` as they lie below site-packages."""
    with zipfile.ZipFile(blob) as archive:
        for path, name in sources.items():
            target = folder / path.removeprefix(f"{site}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(name))


def _keep(shop: Workshop, key: str, sources: Sources, compiled: Mapping[str, Path]) -> Record:
    """Keep the byte code of one wheel as a tree of the store."""
    version = shop.graph.series.python.version
    with shop.store.new_tree(key) as tree:
        for path in sources:
            place = bytecode_path(path, version)
            if place in compiled:
                link_or_copy(compiled[place], tree / place)
        members = index(tree).values()
    return make_record(digest_of([[member.path, member.sha256] for member in members]), trees=[key])


def _trees(records: Mapping[str, Record]) -> list[str]:
    return sorted({tree for record in records.values() for tree in record["uses"]["trees"]})
