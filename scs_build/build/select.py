"""Selection: from an installed tree exactly what locked packages bring, and what is known to be generated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from scs_build.build.workshop import Workshop
from scs_build.canonical import sha256_file
from scs_build.errors import UnexplainedError
from scs_build.inputs.artefact import Artefact, Member
from scs_build.oci.entry import Entry
from scs_build.oci.tree import MergedTree

SHOWN = 10


@dataclass(frozen=True)
class Selection:
    """What goes into a layer, by path, and every path that some artefact brought."""

    entries: dict[str, Entry]
    brought: set[str]


def select(shop: Workshop, tree: MergedTree, artefacts: Iterable[Artefact]) -> Selection:
    """Select what these artefacts bring, read from the tree; what a script altered must be known as such.

    Raises `UnexplainedError` that says of each path what is not the artefact's: content, mode, owner ...
    """
    members = [(artefact, member) for artefact in artefacts for member in shop.members(artefact)]
    kept = [(a, m) for a, m in members if shop.dropped.first(m.path) is None]
    with ThreadPoolExecutor(shop.jobs) as pool:
        found = list(pool.map(lambda pair: entry_of(tree, pair[1]), kept))
    wrong = [
        f"/{member.path} of {artefact.name} {artefact.version} (sha256:{artefact.sha256[:12]}...) {entry}"
        for (artefact, member), entry in zip(kept, found, strict=True)
        if isinstance(entry, str) and not _may_alter(shop, member.path)
    ]
    refuse(
        wrong,
        "some package's script did that: declare the paths in the recipe under `generated` with"
        " `altered: true`, or under `dropped`",
    )
    entries = {entry.path: entry for entry in found if isinstance(entry, Entry)}
    return Selection(_own_primaries(entries), {member.path for _, member in members})


# What to do about a path that nothing explains.
STATE = "say in the recipe who makes them (`generated`), or drop them (`dropped`), each with a reason"


def refuse(wrong: list[str], solution: str = STATE) -> None:
    """Raise one error that shows the first paths and says how many more there are."""
    if wrong:
        more = f"\n... and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise UnexplainedError("\n".join(wrong[:SHOWN]) + more, solution=solution)


def _may_alter(shop: Workshop, path: str) -> bool:
    rule = shop.generated.first(path)
    return rule is not None and shop.rules.generated[rule].altered


def entry_of(tree: MergedTree, member: Member) -> Entry | str:
    """Return the layer entry of a member, or in words what the tree holds in its place."""
    if member.type == "dir":
        return Entry(member.path, "dir", member.mode, member.uid, member.gid)
    real = tree.lookup(member.path)
    if real is None:
        return "is missing"
    found = tree.entry(member.path)
    if member.type == "link":
        return found if found.type == "link" and found.link == member.link else _altered(found, member)
    if member.type == "hardlink":
        return Entry(
            member.path, "hardlink", found.mode, found.uid, found.gid, content=real, link=member.link
        )
    return _altered(found, member) or found


def _altered(found: Entry, member: Member) -> str:
    """Return what is not as the artefact has it, empty when all is: type, target, mode, owner, content."""
    if found.type != member.type:
        return f"is a {found.type}, not a {member.type}"
    if member.type == "link":
        return f"leads to {found.link}, not to {member.link}"
    differences = []
    if found.mode != member.mode:
        differences.append(f"has mode {found.mode:04o}, not {member.mode:04o}")
    if (found.uid, found.gid) != (member.uid, member.gid):
        differences.append(f"belongs to {found.uid}:{found.gid}, not {member.uid}:{member.gid}")
    if isinstance(found.content, Path) and sha256_file(found.content) != member.sha256:
        differences.append("has other content")
    return " and ".join(differences)


def _own_primaries(entries: dict[str, Entry]) -> dict[str, Entry]:
    """Make a hard link whose primary is not selected a file of its own."""
    return {
        path: Entry(path, "file", e.mode, e.uid, e.gid, content=e.content)
        if e.type == "hardlink" and e.link not in entries
        else e
        for path, e in entries.items()
    }


def generated_entries(shop: Workshop, tree: MergedTree, paths: Iterable[str], layer: str) -> Iterator[Entry]:
    """Return the entries of generated paths that belong to this layer (`packages` or `system`)."""
    for path in paths:
        rule = shop.generated.first(path)
        if rule is None or shop.rules.generated[rule].layer != layer or shop.dropped.first(path) is not None:
            continue
        entry = tree.entry(path)
        if entry.type in ("file", "link", "dir"):
            yield entry


def files_below(root: Path) -> Iterator[str]:
    """Return the relative paths of everything below a directory that is not a directory itself, sorted."""
    for folder, folders, files in root.walk() if hasattr(root, "walk") else _walk(root):
        links = [name for name in folders if (folder / name).is_symlink()]
        for name in sorted((*files, *links)):
            yield (folder / name).relative_to(root).as_posix()


def _walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    import os

    for folder, folders, files in os.walk(root):
        folders.sort()
        yield Path(folder), folders, files
