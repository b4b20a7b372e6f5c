"""The files of an sdist, whichever archive they come in: a tar, or a zip where the project is an old one."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from scs_build.errors import IntegrityError, Location

SUFFIXES = (".tar.gz", ".zip")


class SourceFile(NamedTuple):
    """A file of an sdist: its name as the archive has it, whether it may be executed, and its content."""

    name: str
    executable: bool
    content: IO[bytes]


def source_files(path: Path) -> Iterator[SourceFile]:
    """Yield the files of an sdist; each content can be read until the next one is asked for.

    Raises `IntegrityError` where the archive is damaged.
    """
    try:
        yield from _zipped(path) if zipfile.is_zipfile(path) else _tarred(path)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, ValueError) as error:
        raise IntegrityError(f"is not a source archive: {error}", where=Location(str(path))) from error


def _tarred(path: Path) -> Iterator[SourceFile]:
    with tarfile.open(path, "r:*") as archive:
        for info in archive:
            if info.isfile() and (stream := archive.extractfile(info)):
                yield SourceFile(info.name, bool(info.mode & 0o100), stream)


def _zipped(path: Path) -> Iterator[SourceFile]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                with archive.open(info) as stream:
                    yield SourceFile(info.filename, bool(info.external_attr >> 16 & 0o100), stream)
