"""The packages layer: what an image keeps of its Debian packages, with their status for scanners."""

from __future__ import annotations

from collections.abc import Iterable

from scs_build.build.pyc import compile_sources, pyc_entry
from scs_build.build.records import Record, layer_record
from scs_build.build.select import Selection, generated_entries, refuse, select
from scs_build.build.workshop import Workshop
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.deb.deb import control, md5sums
from scs_build.oci.entry import Entry
from scs_build.oci.layer import write_layer
from scs_build.oci.tree import MergedTree, changes
from scs_build.plan.step import Step
from scs_build.store.store import Store

# Where the status of each package lies in an image.
STATUS = "var/lib/dpkg/status.d"


def run_packages(shop: Workshop, step: Step) -> Record:
    """Write the layer of an image's own packages."""
    install = step.needs[0]
    stack = shop.stack(install)
    tree = MergedTree(stack)
    with shop.judging(step, stack):
        selection = select(shop, tree, step.artefacts)
        generated = _generated_paths(shop, step, selection)
    entries = dict(selection.entries)
    entries |= {entry.path: entry for entry in generated_entries(shop, tree, generated, "packages")}
    entries |= {entry.path: entry for a in step.artefacts for entry in status_entries(shop.store, a)}
    sources = [path for path in entries if path.startswith("usr/lib/python3") and path.endswith(".py")]
    with compile_sources(shop, step.name, stack, sources) as compiled:
        entries |= {path: pyc_entry(path, content) for path, content in compiled.items()}
        return layer_record(write_layer(shop.store, entries.values(), shop.jobs))


def _generated_paths(shop: Workshop, step: Step, selection: Selection) -> list[str]:
    """Return the paths that installing made and no package brought; what has no explanation is refused.

    The first image of a lineage stands on the scaffold and also owns what was generated there.
    """
    install = step.needs[0]
    stack = shop.stack(install)
    below = MergedTree(stack[:-1])
    known = selection.brought | _brought_by(shop, install.artefacts)
    changed = [c.path for c in changes(stack[-1], below) if c.kind != "removed" and c.path not in known]
    merged = MergedTree(stack)
    nameless = [
        f"/{path} was made while the packages of {step.subject} were installed"
        for path in changed
        if shop.generated.first(path) is None
        and shop.dropped.first(path) is None
        and merged.entry(path).type != "dir"
    ]
    refuse(nameless)
    if install.needs[0].kind == "scaffold":
        changed = [path for path, _, _ in merged.walk() if path not in known]
    return changed


def _brought_by(shop: Workshop, artefacts: Iterable[Artefact]) -> set[str]:
    return {member.path for artefact in artefacts for member in shop.members(artefact)}


def status_entries(store: Store, artefact: Artefact) -> tuple[Entry, Entry]:
    """Return the dpkg status of a package as files of its own, so that layers stay independent."""
    blob = store.blob(artefact.sha256)
    stanza = control(blob).strip().replace("\n", "\nStatus: install ok installed\n", 1) + "\n"
    base = f"{STATUS}/{artefact.name}"
    status = Entry(base, "file", 0o644, content=stanza.encode())
    return status, Entry(f"{base}.md5sums", "file", 0o644, content=md5sums(blob))
