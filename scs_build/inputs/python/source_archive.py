"""The files of an sdist, whichever archive they come in: a tar, or a zip where the project is an old one."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from scs_build.errors import IntegrityError, Location
from scs_build.inputs.archive import Taker, hashed, tar_members, zip_members
from scs_build.inputs.artefact import Member

SUFFIXES = (".tar.gz", ".zip")


def source_members(path: Path, take: Taker = hashed) -> Iterator[Member]:
    """Yield the paths of an sdist; raises `IntegrityError` where the archive is damaged."""
    if zipfile.is_zipfile(path):
        yield from zip_members(path, take)
        return
    try:
        with tarfile.open(path, "r:*") as archive:
            yield from tar_members(archive, take)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise IntegrityError(f"is not a source archive: {error}", where=Location(str(path))) from error
