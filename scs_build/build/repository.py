"""A local package repository made from locked packages, for the tools that want one."""

from __future__ import annotations

from collections.abc import Iterable

from scs_build.canonical import sha256_bytes
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.deb.deb import control
from scs_build.store.store import Store


def deb_name(artefact: Artefact) -> str:
    """Return the file name of a package: name, version without its epoch, architecture."""
    version = artefact.version.rpartition(":")[2]
    return f"{artefact.name}_{version}_{artefact.data['architecture']}.deb"


def repository_files(store: Store, artefacts: Iterable[Artefact], release: str) -> dict[str, bytes]:
    """Return `Packages` and `Release` of a flat repository that holds these packages."""
    packages = "\n".join(_stanza(store, a) for a in sorted(artefacts, key=lambda a: a.name)).encode()
    checksum = f" {sha256_bytes(packages)} {len(packages)} Packages"
    head = f"Origin: Debian\nSuite: {release}\nCodename: {release}\nDate: Wed, 01 Jan 2020 00:00:00 UTC\n"
    return {"Packages": packages, "Release": f"{head}SHA256:\n{checksum}\n".encode()}


def _stanza(store: Store, artefact: Artefact) -> str:
    text = control(store.blob(artefact.sha256)).strip()
    return f"{text}\nFilename: ./{deb_name(artefact)}\nSize: {artefact.size}\nSHA256: {artefact.sha256}\n"
