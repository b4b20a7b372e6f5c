"""The archive of a commit's tree: raw objects in one order, with one time and one owner.

Not `git archive`: what that writes depends on attributes in the tree, on the names that a repository happens
to have, on the time of the commit and on the user's configuration.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from scs_build.errors import IntegrityError, ResolutionError
from scs_build.inputs.git.remote import git
from scs_build.tar import END, TYPES, Fields, padding, tar_header

SUBMODULE, LINK, PROGRAM = "160000", "120000", "100755"
CHUNK = 1 << 20


@dataclass(frozen=True)
class _Row:
    mode: str
    object: str
    path: bytes


def write_archive(repository: Path, commit: str, into: Path) -> None:
    """Write the tree of a commit as an uncompressed tar: files 0644 or 0755, links, all of root.

    Raises `ResolutionError` for submodules and for names that are not UTF-8.
    """
    rows = sorted(_rows(repository, commit), key=lambda row: row.path)
    objects = into.with_name(f"{into.name}.objects")
    with objects.open("w+b") as stream, into.open("wb") as archive:
        names = "".join(f"{row.object}\n" for row in rows).encode()
        git("-C", repository, "cat-file", "--batch", stdin=names, output=stream)
        stream.seek(0)
        for row in rows:
            _append(archive, row, stream)
        archive.write(END)
    objects.unlink()


def _rows(repository: Path, commit: str) -> Iterator[_Row]:
    listing = git("-C", repository, "ls-tree", "-r", "-z", "--full-tree", commit).stdout
    for line in listing.split(b"\0")[:-1]:
        head, _, path = line.partition(b"\t")
        mode, _, name = head.decode().split(" ")
        shown = path.decode(errors="backslashreplace")
        if mode == SUBMODULE:
            raise ResolutionError(
                f"{shown} is a submodule: its content is not part of the tree",
                solution="name the other repository as an input of its own, with this place as its `path`",
            )
        if shown.encode() != path:
            raise ResolutionError(f"{shown}: the name is not UTF-8")
        yield _Row(mode, name, path)


def _append(archive: IO[bytes], row: _Row, objects: IO[bytes]) -> None:
    """Write one path; `objects` stands at its object: a line `<id> blob <size>`, the content, a line end."""
    _, kind, *size = objects.readline().decode().split()
    if kind != "blob":
        raise IntegrityError(f"the object {row.object} of the repository is {kind}, not a file")
    if row.mode == LINK:
        fields = Fields(row.path, 0o777, 0, 0, 0, TYPES["link"], objects.read(int(size[0])))
        archive.write(tar_header(fields))
    else:
        mode = 0o755 if row.mode == PROGRAM else 0o644
        archive.write(tar_header(Fields(row.path, mode, 0, 0, int(size[0]), TYPES["file"])))
        _copy(objects, archive, int(size[0]))
        archive.write(bytes(padding(int(size[0]))))
    objects.read(1)


def _copy(source: IO[bytes], target: IO[bytes], size: int) -> None:
    while size:
        piece = source.read(min(size, CHUNK))
        if not piece:
            raise IntegrityError("git ended before it had written every object")
        target.write(piece)
        size -= len(piece)
