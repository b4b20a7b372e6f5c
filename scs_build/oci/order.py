"""The order of a layer: checked, complete with parent directories, hard links last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from scs_build.canonical import sha256_bytes, sha256_file
from scs_build.errors import ResultError
from scs_build.oci.entry import Entry

WHITEOUT = ".wh."


def ordered(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the entries sorted by path, missing parents (0755 root) included, hard links after all others.

    Equal entries count once. Raises `ResultError` for paths that are not clean, for two entries that say
    different things about a path, for a parent that is no directory, for a hard link whose primary is
    not in the layer, and for a file with content that would be read as a whiteout.
    """
    paths = _by_path(entries)
    _add_parents(paths)
    links = []
    for path in sorted(paths):
        entry = paths[path]
        if entry.type == "hardlink":
            links.append(_checked_link(entry, paths))
        else:
            yield entry
    yield from links


def _by_path(entries: Iterable[Entry]) -> dict[str, Entry]:
    paths: dict[str, Entry] = {}
    for entry in entries:
        _check(entry)
        known = paths.setdefault(entry.path, entry)
        if known is not entry and known != entry and not _same(known, entry):
            raise ResultError(f"/{entry.path}: two entries of one layer say different things about it")
    return paths


def _check(entry: Entry) -> None:
    parts = entry.path.split("/")
    if "\0" in entry.path or not {"", ".", ".."}.isdisjoint(parts):
        raise ResultError(f"{entry.path!r}: is not a clean path relative to the root")
    if parts[-1].startswith(WHITEOUT) and (entry.type, entry.content) != ("file", b""):
        raise ResultError(f"/{entry.path}: would be read as the removal of a file, not as a file")


def _same(one: Entry, other: Entry) -> bool:
    """Return whether two entries that differ only in where their content lies hold the same bytes."""
    if _facts(one) != _facts(other):
        return False
    return _sha256(one.content) == _sha256(other.content)


def _facts(entry: Entry) -> tuple[object, ...]:
    return (entry.type, entry.mode, entry.uid, entry.gid, entry.link, entry.capability)


def _sha256(content: Path | bytes) -> str:
    return sha256_bytes(content) if isinstance(content, bytes) else sha256_file(content)


def _add_parents(paths: dict[str, Entry]) -> None:
    seen: set[str] = set()
    for path in list(paths):
        parent = path.rpartition("/")[0]
        while parent and parent not in seen:
            seen.add(parent)
            if paths.setdefault(parent, Entry(parent, "dir", 0o755)).type != "dir":
                raise ResultError(f"/{path}: its parent /{parent} is not a directory in this layer")
            parent = parent.rpartition("/")[0]


def _checked_link(entry: Entry, paths: dict[str, Entry]) -> Entry:
    primary = paths.get(entry.link)
    if primary is None or primary.type in ("dir", "hardlink"):
        what = "is not in the layer" if primary is None else f"is a {primary.type}"
        raise ResultError(f"/{entry.path}: is a hard link to /{entry.link}, which {what}")
    return entry
