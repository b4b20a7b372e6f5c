"""The patches of a component, `patches/<series>/<target>/NNNN-name.patch`, applied in the order of names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scs_build.canonical import sha256_bytes
from scs_build.errors import Location, RecipeError
from scs_build.recipes.component import Component, shown_in
from scs_build.recipes.explain import allowed_hint
from scs_build.recipes.patches.diff import FileDiff, read_diff
from scs_build.recipes.patches.header import NOT_YET, Header, read_header

FOLDER = "patches"
WHEELS = "a wheel is patched in its sdist: name it under python.compile and lock it again"
FILE = re.compile(r"\d{4}-[a-z0-9][a-z0-9.+-]*\.patch")


@dataclass(frozen=True)
class Patch:
    """One patch: `target` is the distribution or input that it changes, `name` its file without ending."""

    target: str
    name: str
    shown: str
    sha256: str
    header: Header
    diffs: list[FileDiff] = field(compare=False)
    text: bytes = field(default=b"", repr=False, compare=False)

    @property
    def mends(self) -> tuple[str, ...]:
        """CVE ids, then the URL of the bug."""
        return (*self.header.cve, *filter(None, (self.header.bug,)))

    @property
    def change(self) -> str:
        """The change upstream, or why there is none."""
        return self.header.upstream or f"not forwarded: {self.header.forwarded}"

    @property
    def backport(self) -> bool:
        """Whether a later version of what is patched has the change."""
        return self.header.merged_in != NOT_YET

    def to_json(self) -> dict[str, object]:
        """Return what a ledger says of the patch."""
        head = self.header
        return {
            "target": self.target, "name": self.name, "sha256": self.sha256, "description": head.description,
            "bug": head.bug, "cve": list(head.cve), "upstream": head.upstream,
            "forwarded": head.forwarded, "merged_in": head.merged_in,
        }  # fmt: skip


def patches_of(component: Component, series: str, known: Collection[str]) -> tuple[Patch, ...]:
    """Read the patches of a component for a series (one of those `known`), by target and name.

    Raises `RecipeError` at what is wrong.
    """
    folder = component.folder / FOLDER
    shown = shown_in(component.layer, f"{component.inside}/{FOLDER}")
    if not folder.is_dir():
        return ()
    for path in _folders(folder, shown):
        if path.name not in known:
            hint = allowed_hint(path.name, sorted(known))
            raise RecipeError(
                "there is no such series", where=Location(f"{shown}/{path.name}"), solution=hint
            )
    top, shown = folder / series, f"{shown}/{series}"
    if not top.is_dir():
        return ()
    return tuple(
        _read(path, target.name, f"{shown}/{target.name}/{path.name}")
        for target in _folders(top, shown)
        for path in sorted(target.iterdir())
    )


def _folders(top: Path, shown: str) -> Iterator[Path]:
    for path in sorted(top.iterdir()):
        if not path.is_dir():
            reason = "a patch lies in patches/<series>/<what it changes>/"
            raise RecipeError(reason, where=Location(f"{shown}/{path.name}"))
        yield path


def _read(path: Path, target: str, shown: str) -> Patch:
    if not FILE.fullmatch(path.name) or not path.is_file():
        raise RecipeError("a patch is named like 0001-what-it-does.patch", where=Location(shown))
    data = path.read_bytes()
    try:
        lines = data.split(b"\n--- ")[0].decode().split("\n")
    except UnicodeDecodeError as error:
        raise RecipeError("the header is not UTF-8", where=Location(shown, 1)) from error
    header = read_header(lines, shown)
    diffs = read_diff(data, header.lines, shown)
    return Patch(target, path.name.removesuffix(".patch"), shown, sha256_bytes(data), header, diffs, data)


def check_patches(component: Component, patches: tuple[Patch, ...], versions: Mapping[str, str]) -> None:
    """Raise `RecipeError` for a patch of what is not patched here, or of what has the change already.

    `versions` are those of what can be patched: sdists that are compiled, and trees that are unpacked.
    """
    for patch in patches:
        if patch.target not in versions:
            raise RecipeError(
                f"{component.name} builds nothing from the sources of `{patch.target}`",
                where=Location(patch.shown),
                solution=f"{allowed_hint(patch.target, sorted(versions) or ['nothing yet'])}; {WHEELS}",
            )
        version = versions[patch.target]
        if _has(version, patch.header.merged_in):
            raise RecipeError(
                f"{patch.target} is locked to {version}, which has the change since {patch.header.merged_in}",
                where=Location(patch.shown, patch.header.merged_line),
                solution="remove the patch",
            )


def _has(version: str, merged_in: str) -> bool:
    """Tell whether a version is one with the change; names that are no versions only match as they are."""
    from packaging.version import InvalidVersion, Version

    if merged_in == NOT_YET:
        return False
    try:
        return Version(version) >= Version(merged_in)
    except InvalidVersion:
        return version == merged_in
