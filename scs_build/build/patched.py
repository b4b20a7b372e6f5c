"""Sources with the patches of a recipe: each applied once, in the order of their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, NamedTuple

from scs_build.canonical import sha256_bytes
from scs_build.inputs.archive import hashed
from scs_build.inputs.artefact import Artefact, Member
from scs_build.inputs.python.source_archive import source_members
from scs_build.recipes.patches.diff import apply
from scs_build.recipes.patches.patch import Patch


class Source(NamedTuple):
    """A file of the sources: what it holds, and its mode."""

    content: bytes
    mode: int


def patched(patches: Iterable[Patch], contents: Mapping[str, bytes]) -> dict[str, bytes | None]:
    """Return the files that patches change, None for those that go; raises `RecipeError` at a misfit."""
    changed: dict[str, bytes | None] = {}
    for patch in patches:
        present = {**contents, **changed}
        there = {path: content for path, content in present.items() if content is not None}
        changed |= apply(patch.diffs, there, patch.shown)
    return changed


def touched(patches: Iterable[Patch]) -> set[str]:
    """Return the paths that patches name."""
    return {diff.path for patch in patches for diff in patch.diffs}


def patched_sdist(archive: Path, patches: tuple[Patch, ...]) -> dict[str, Source | None]:
    """Return the changed files of a source archive by their path below its top folder; None: removed."""
    if not patches:
        return {}
    there = dict(_sources(archive, touched(patches)))
    changed = patched(patches, {path: source.content for path, source in there.items()})
    return {
        path: None if content is None else Source(content, there[path].mode if path in there else 0o644)
        for path, content in changed.items()
    }


def _sources(archive: Path, paths: set[str]) -> Iterator[tuple[str, Source]]:
    contents: dict[str, bytes] = {}

    def take(name: str, stream: IO[bytes]) -> str:
        if name.partition("/")[2] not in paths:
            return hashed(name, stream)
        contents[name] = stream.read()
        return sha256_bytes(contents[name])

    for member in source_members(archive, take):
        if member.path in contents:
            mode = 0o755 if member.mode & 0o100 else 0o644
            yield member.path.partition("/")[2], Source(contents[member.path], mode)


def patched_tree(
    artefact: Artefact, members: list[tuple[str, Member]], patches: tuple[Patch, ...], folder: Path
) -> list[tuple[str, Member]]:
    """Return the members of an unpacked tree with what patches change; `folder` has contents by sha256."""
    if not patches:
        return members
    top = str(artefact.data["path"]).strip("/")
    files = {path.removeprefix(f"{top}/"): member for path, member in members if member.type == "file"}
    there = {path: (folder / files[path].sha256).read_bytes() for path in touched(patches) if path in files}
    changed = patched(patches, there)
    kept = [(path, member) for path, member in members if path.removeprefix(f"{top}/") not in changed]
    made = [
        (f"{top}/{path}", _member(files.get(path, Member(path, "file", 0o644)), content, folder))
        for path, content in changed.items()
        if content is not None
    ]
    return sorted(kept + made, key=lambda pair: pair[0])


def _member(member: Member, content: bytes, folder: Path) -> Member:
    digest = sha256_bytes(content)
    (folder / digest).write_bytes(content)
    return replace(member, size=len(content), sha256=digest)
