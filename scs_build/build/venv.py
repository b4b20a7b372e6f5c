"""The virtual environment layer: locked wheels, installed by uv, compiled, every file explained."""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Iterator, Mapping
from pathlib import Path

from scs_build.build.bytecode import bytecode_files
from scs_build.build.pyc import compile_sources, pyc_entry
from scs_build.build.records import Record, layer_record
from scs_build.build.requirements import refuse_unmet
from scs_build.build.select import files_below, refuse
from scs_build.build.wheel import compiled_wheel, file_name
from scs_build.build.workshop import Workshop
from scs_build.canonical import sha256_file
from scs_build.engines.spec import StepSpec
from scs_build.inputs.artefact import Artefact, Member
from scs_build.oci.entry import Entry
from scs_build.oci.layer import write_layer
from scs_build.oci.tree import MergedTree
from scs_build.plan.step import Step

SYNC = """
uv="/step/uv --offline --no-config --no-cache --quiet"
export UV_PYTHON_DOWNLOADS=never
$uv venv --python "/usr/bin/python$PYTHON" "$PREFIX"
$uv pip sync --no-index --find-links /step/wheels --require-hashes --link-mode copy \\
    --python "$PREFIX/bin/python" /step/requirements.txt
"""


def run_venv(shop: Workshop, step: Step) -> Record:
    """Write the layer of an image's virtual environment."""
    wheels = (*step.artefacts, *_compiled(shop, step))
    refuse_unmet(shop, step, wheels)
    requirements = "".join(f"{a.name}=={a.version} --hash=sha256:{a.sha256}\n" for a in wheels).encode()
    contents = {f"wheels/{file_name(a)}": a for a in wheels}
    python = shop.graph.series.python
    stack = shop.stack(step.runs_on[0])
    files: Mapping[str, bytes | Path] = {
        "uv": shop.tools.path / "usr/bin/uv",
        "requirements.txt": requirements,
    }
    with shop.folder(contents, files) as folder:
        (folder / "uv").chmod(0o755)
        spec = StepSpec(
            name=step.name,
            argv=("/bin/sh", "-euc", SYNC),
            layers=stack,
            inputs={"/step": folder},
            environment={"PREFIX": python.prefix, "PYTHON": python.version},
        )
        with shop.run(spec) as changes:
            entries = list(_entries(shop, changes, wheels))
            code = bytecode_files(shop, step, wheels, stack)
            rest = _without_bytecode(shop, entries, wheels)
            with compile_sources(shop, step.name, (*stack, changes), rest) as compiled:
                made = [pyc_entry(path, content) for path, content in (code | compiled).items()]
                return layer_record(write_layer(shop.store, [*entries, *made], shop.jobs))


def _without_bytecode(shop: Workshop, entries: list[Entry], wheels: tuple[Artefact, ...]) -> list[str]:
    """Return the importable files that uv itself made: no wheel has byte code for them."""
    brought = {shop.environment.place(member.path) for wheel in wheels for member in shop.members(wheel)}
    importable = (entry.path for entry in entries if entry.path.startswith(shop.environment.site_packages))
    return [path for path in importable if path.endswith(".py") and path not in brought]


def _compiled(shop: Workshop, step: Step) -> Iterator[Artefact]:
    """Return the wheels that other steps compiled, as artefacts of this one."""
    for need in (need for need in step.needs if need.kind == "wheel"):
        yield compiled_wheel(shop.store, need, shop.records[need.name])


def _entries(shop: Workshop, changes: Path, wheels: tuple[Artefact, ...]) -> Iterator[Entry]:
    """Return what uv installed: members of the wheels with equal content, and what it generates."""
    prefix, site = shop.environment.prefix, shop.environment.site_packages
    members = {shop.environment.place(m.path): (a, m) for a in wheels for m in shop.members(a)}
    tree = MergedTree((changes,))
    nameless = []
    for name in files_below(changes / prefix):
        path = f"{prefix}/{name}"
        if shop.dropped.first(path) is not None:
            continue
        entry = tree.entry(path)
        if (wrong := _wrong(members.get(path), entry)) and shop.generated.first(path) is None:
            nameless.append(f"/{path} {wrong}")
        content = _record(shop, entry, site) if name.endswith(".dist-info/RECORD") else entry.content
        yield Entry(path, entry.type, _mode(entry), content=content, link=entry.link)
    refuse(nameless)


def _record(shop: Workshop, entry: Entry, site: str) -> bytes:
    """Return the list of a distribution's files without those that the image does not ship."""
    assert isinstance(entry.content, Path)
    lines = entry.content.read_text().splitlines(keepends=True)
    paths = (posixpath.normpath(f"{site}/{row[0]}") for row in csv.reader(lines))
    return "".join(
        line for line, path in zip(lines, paths, strict=True) if shop.dropped.first(path) is None
    ).encode()


def _mode(entry: Entry) -> int:
    """Wheels come from many umasks: a file is executable or it is not."""
    if entry.type == "link":
        return 0o777
    return 0o755 if entry.mode & 0o111 else 0o644


def _wrong(brought: tuple[Artefact, Member] | None, entry: Entry) -> str:
    """Return why an installed file is no member of a locked wheel, empty when it is one."""
    if brought is None:
        return "is of no locked wheel"
    artefact, member = brought
    if isinstance(entry.content, Path) and sha256_file(entry.content) == member.sha256:
        return ""
    return f"has other content than in {artefact.name} {artefact.version} (sha256:{artefact.sha256[:12]}...)"
