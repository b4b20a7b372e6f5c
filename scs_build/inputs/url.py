"""The input kind `url`: a file at a fixed place, locked by what is there when it is locked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from scs_build.canonical import sha256_file
from scs_build.errors import FetchError, RecipeError
from scs_build.inputs.archive import tar_members
from scs_build.inputs.artefact import Artefact, Member
from scs_build.inputs.description import Description, Identity
from scs_build.inputs.locking import Context, Request
from scs_build.inputs.purl import package_url
from scs_build.inputs.python.distributions import zip_members
from scs_build.web import new_session, reason_of

if TYPE_CHECKING:
    from scs_build.recipes.models import Artifact, PythonChannel, Series
    from scs_build.recipes.site import Site

TIMEOUT = (10, 120)
CHUNK = 1 << 20


class UrlInput:
    """Files and archives at a URL that the recipe states."""

    kind = "url"

    def urls(self, artefact: Artefact, site: Site) -> Iterable[str]:  # noqa: ARG002
        """Return the place that the recipe states."""
        return (artefact.data["url"],)

    def index(self, artefact: Artefact, path: Path) -> Iterator[Member]:
        """Yield the members of an archive that is to be unpacked, else the one file."""
        import tarfile

        if artefact.data.get("unpack") and path.read_bytes()[:4] == b"PK\x03\x04":
            yield from zip_members(path)
        elif artefact.data.get("unpack"):
            with tarfile.open(path, "r:*") as archive:
                yield from tar_members(archive)
        else:
            name = artefact.data["url"].rpartition("/")[2]
            yield Member(name, "file", 0o644, size=artefact.size, sha256=sha256_file(path))

    def placed(self, artefact: Artefact, member: Member, python: PythonChannel) -> Member:  # noqa: ARG002
        """Return the member below the path that the recipe states."""
        return replace(member, path=f"{artefact.data['path'].strip('/')}/{member.path}")

    def identity(self, artefact: Artefact, series: Series) -> Identity:  # noqa: ARG002
        """Return the input's names; what has no index of packages is known by where it came from."""
        purl = package_url(
            "generic",
            artefact.name,
            artefact.version,
            checksum=f"sha256:{artefact.sha256}",
            download_url=str(artefact.data["url"]),
        )
        return Identity(purl, "input", artefact.name)

    def describe(self, artefact: Artefact, path: Path) -> Description:  # noqa: ARG002
        """Return where it came from: a file says nothing more about itself."""
        return Description(homepage=str(artefact.data["url"]))


class UrlLocker:
    """Locks files by fetching them once."""

    kinds = ("url",)

    def __init__(self, context: Context) -> None:
        self._context = context

    def lock(self, request: Request) -> list[Artefact]:
        """Return one line per input of the recipe; a present line of the same place and version stays."""
        present = {line.name: line for line in request.locked if line.kind == "url"}
        lines = []
        for item in request.recipe.inputs:
            if item.type != "url":
                raise RecipeError(f"inputs of type {item.type} cannot be locked yet", where=request.where)
            line, wanted = present.get(item.name), _data(item)
            anew = request.upgrade or item.name in request.free
            fits = line is not None and line.version == item.version and line.data == wanted
            lines.append(line if fits and line and not anew else self._fetch(item, wanted))
        return lines

    def check(self, request: Request) -> list[str]:
        """Return which inputs of the recipe are not locked as it states them, and which are too much."""
        present = {line.name: line for line in request.locked if line.kind == "url"}
        wanted = {item.name: item for item in request.recipe.inputs}
        surplus = sorted(present.keys() - wanted.keys())
        findings = [f"{name} is locked and nothing needs it" for name in surplus]
        for name, item in sorted(wanted.items()):
            line = present.get(name)
            if line is None:
                findings.append(f"{name} is not in the lock")
            elif (line.version, line.data) != (item.version, _data(item)):
                findings.append(f"{name} is locked from another place or version")
        return findings

    @staticmethod
    def _fetch(item: Artifact, data: dict[str, object]) -> Artefact:
        import requests

        digest, size = hashlib.sha256(), 0
        try:
            with (
                new_session() as session,
                session.get(str(data["url"]), stream=True, timeout=TIMEOUT) as answer,
            ):
                answer.raise_for_status()
                for chunk in answer.iter_content(CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
        except requests.RequestException as error:
            raise FetchError(
                f"{item.name} {item.version} could not be fetched: {reason_of(error)}"
            ) from error
        return Artefact("url", item.name, item.version, digest.hexdigest(), size, data=data)


def _data(item: Artifact) -> dict[str, object]:
    return {"url": item.url.replace("{version}", item.version), "path": item.path, "unpack": item.unpack}
