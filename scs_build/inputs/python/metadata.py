"""What a distribution says of itself in its file: read, never computed by running anything of it."""

from __future__ import annotations

import importlib.metadata
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from scs_build.canonical import sha256_bytes
from scs_build.errors import IntegrityError, Location, ResolutionError
from scs_build.inputs.archive import hashed
from scs_build.inputs.python.requirements import canonical
from scs_build.inputs.python.source_archive import source_members

if TYPE_CHECKING:
    from scs_build.inputs.artefact import Artefact

IN_WHEEL = re.compile(r"[^/]+\.dist-info/METADATA")
# Where setuptools left what an sdist requires before it went into PKG-INFO; others always wrote it there.
IN_SDIST = re.compile(r"[^/]+/PKG-INFO|(.*/)?(?P<project>[^/]+)\.egg-info/requires\.txt")
# A page of metadata, not a bomb.
MOST_BYTES = 8 << 20


@dataclass(frozen=True)
class Metadata:
    """Name and version as written, requirements (PEP 508) with their markers, and the extras on offer."""

    name: str
    version: str
    requires: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()

    def to_text(self) -> str:
        """Return the metadata file of a wheel (version 2.1)."""
        lines = ["Metadata-Version: 2.1", f"Name: {self.name}", f"Version: {self.version}"]
        lines += [f"Provides-Extra: {extra}" for extra in self.extras]
        lines += [f"Requires-Dist: {text}" for text in self.requires]
        return "\n".join([*lines, ""])


class _Texts(importlib.metadata.Distribution):
    """Lets the standard library interpret metadata files that are at hand as texts."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def read_text(self, filename: str) -> str | None:
        """Return the text of a metadata file."""
        return self._texts.get(filename)

    def locate_file(self, path: object) -> Path:
        """Nothing is installed."""
        raise NotImplementedError(str(path))


def read_metadata(artefact: Artefact, path: Path) -> Metadata:
    """Return the metadata in the file of a wheel or sdist.

    What an sdist says is a claim: it may compute its requirements when it is built. Whoever has the built
    wheel compares. Raises `IntegrityError` where the file is damaged, `ResolutionError` where it does not
    say what it is or is something else than the artefact.
    """
    texts = _wheel_texts(path) if artefact.kind == "wheel" else _sdist_texts(path, artefact.name)
    if not {"METADATA", "PKG-INFO"} & texts.keys():
        reason = f"{artefact.data['file']} does not say what it is: it holds no metadata"
        raise ResolutionError(reason, solution="constrain it to another version in the recipe")
    distribution = _Texts(texts)
    fields = distribution.metadata
    metadata = Metadata(
        name="".join(fields.get_all("Name") or ()),
        version="".join(fields.get_all("Version") or ()),
        requires=tuple(" ".join(text.split()) for text in distribution.requires or ()),
        extras=tuple(fields.get_all("Provides-Extra") or ()),
    )
    _check_identity(artefact, metadata)
    return metadata


def _check_identity(artefact: Artefact, metadata: Metadata) -> None:
    from packaging.utils import canonicalize_version

    own = (canonical(metadata.name), canonicalize_version(metadata.version))
    if own != (artefact.name, canonicalize_version(artefact.version)):
        raise ResolutionError(
            f"{artefact.data['file']} says that it is {metadata.name} {metadata.version}",
            solution="do not trust the index that serves it",
        )


def _wheel_texts(path: Path) -> dict[str, str]:
    try:
        with zipfile.ZipFile(path) as archive:
            (found,) = (info for info in archive.infolist() if IN_WHEEL.fullmatch(info.filename))
            return {"METADATA": _bounded(archive.open(found)).decode(errors="replace")}
    except (zipfile.BadZipFile, EOFError, ValueError) as error:
        raise IntegrityError(f"is not a wheel: {error}", where=Location(str(path))) from error


def _sdist_texts(path: Path, project: str) -> dict[str, str]:
    texts: dict[str, str] = {}

    def take(name: str, stream: IO[bytes]) -> str:
        if not _is_metadata(name, project):
            return hashed(name, stream)
        data = _bounded(stream)
        texts[name.rpartition("/")[2]] = data.decode(errors="replace")
        return sha256_bytes(data)

    for _ in source_members(path, take):
        pass
    return texts


def _is_metadata(name: str, project: str) -> bool:
    """Tell whether a file of an sdist is about the project itself: some ship others, for their tests."""
    found = IN_SDIST.fullmatch(name)
    return found is not None and canonical(found["project"] or project) == project


def _bounded(stream: IO[bytes]) -> bytes:
    data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"its metadata is larger than {MOST_BYTES} bytes")
    return data
