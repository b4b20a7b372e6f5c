"""What the patches of a recipe make of an artefact: which paths of the image they changed or removed.

Found anew from the artefact and the patches, as everything else that explains: not asked of the build.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import astuple, replace

from scs_build.build.members import held, members_of
from scs_build.build.patched import patched_sdist, patched_tree
from scs_build.canonical import sha256_bytes
from scs_build.evidence.sources import Source, placed
from scs_build.inputs.artefact import Artefact, Member
from scs_build.inputs.kinds import TREES
from scs_build.inputs.place import placed as placed_tree
from scs_build.plan.graph import Graph
from scs_build.recipes.patches.patch import Patch
from scs_build.store.facts import remembered
from scs_build.store.store import Store

# Raised by whatever changes what is remembered of a patched artefact.
FORMAT = 1
Patches = tuple[Patch, ...]


def brought(graph: Graph, store: Store, source: Source) -> Iterator[tuple[Member, Patches]]:
    """Yield what an artefact brings as it lies in an image, with the patches that each path is owed to."""
    patches = patches_of(graph, source)
    if not patches:
        yield from ((member, ()) for member in placed(graph, store, source))
    elif source.compiled:
        yield from _compiled(graph, store, source, patches)
    else:
        by_path = _touching(source, patches)
        for member in _tree(store, source.artefact, patches):
            yield member, by_path.get(member.path, ())


def removed(graph: Graph, store: Store, source: Source) -> dict[str, Patches]:
    """Return the paths of an unpacked tree that are not in the image because patches remove them."""
    patches = patches_of(graph, source)
    if not patches or source.compiled:
        return {}
    there = {member.path for member in _tree(store, source.artefact, patches)}
    return {path: by for path, by in _touching(source, patches).items() if path not in there}


def patches_of(graph: Graph, source: Source) -> Patches:
    """Return the patches that an artefact was built with, in the order in which they were applied."""
    return graph.patches_for(source.image, source.artefact)


def _touching(source: Source, patches: Patches) -> dict[str, Patches]:
    """Return the patches that name each path of an unpacked tree, by its path in the image."""
    found: dict[str, Patches] = {}
    for patch in patches:
        for diff in patch.diffs:
            path = f"{str(source.artefact.data['path']).strip('/')}/{diff.path}"
            found[path] = tuple(dict.fromkeys((*found.get(path, ()), patch)))
    return found


def _tree(store: Store, artefact: Artefact, patches: Patches) -> tuple[Member, ...]:
    """Return what lies in an image of an unpacked tree with its patches."""

    def read() -> list[object]:
        blob = held(store, artefact)
        with store.scratch("patched") as folder:
            members = placed_tree(artefact, TREES[artefact.kind].unpack(artefact, blob, folder))
            found = patched_tree(artefact, members, patches, folder)
            return [astuple(replace(member, path=path)) for path, member in found]

    what = {
        "patched": artefact.to_json(),
        "patches": [patch.sha256 for patch in patches],
        "format": FORMAT,
    }
    return tuple(Member(*fields) for fields in remembered(store, what, read))


def _compiled(
    graph: Graph, store: Store, source: Source, patches: Patches
) -> Iterator[tuple[Member, Patches]]:
    """Yield what a wheel brings that was compiled from a patched sdist.

    A file that is one of the patched sources, at its place or below a folder such as `src/`, is owed to the
    patches that name it. What the sdist did not hold, but for the wheel's own metadata, was made from the
    patched sources: it is owed to all of them.
    """
    there = {member.sha256 for member in members_of(store, source.artefact) if member.type == "file"}
    changed = _changed(store, source.artefact, patches)
    for member, own in zip(placed(graph, store, source), members_of(store, source.built), strict=True):
        named = {path for path, sha256 in changed.items() if sha256 == own.sha256 and _ends(path, own.path)}
        exact = tuple(p for p in patches if named & {diff.path for diff in p.diffs})
        made = own.type == "file" and own.sha256 not in there and ".dist-info/" not in own.path
        yield member, exact or (patches if made else ())


def _ends(path: str, end: str) -> bool:
    return f"/{path}".endswith(f"/{end}")


def _changed(store: Store, sdist: Artefact, patches: Patches) -> Mapping[str, str]:
    """Return the hash of each file of an sdist that patches change or make."""

    def read() -> dict[str, str]:
        found = patched_sdist(held(store, sdist), patches)
        return {path: sha256_bytes(file.content) for path, file in found.items() if file is not None}

    what = {"patched": sdist.sha256, "patches": [patch.sha256 for patch in patches], "format": FORMAT}
    found: Mapping[str, str] = remembered(store, what, read)
    return found
