"""The input kind `url`: a file at a fixed place, locked by what is there when it is locked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from scs_build.errors import IntegrityError, Location
from scs_build.inputs.archive import Taker, hashed, keeper, tar_members, zip_members
from scs_build.inputs.artefact import LINE, PATH, Artefact, Forms, Member, Notes
from scs_build.inputs.description import Description, Identity, Text
from scs_build.inputs.place import placed
from scs_build.inputs.purl import package_url

if TYPE_CHECKING:
    from scs_build.recipes.models import PythonChannel, Series
    from scs_build.recipes.site import Site

NAME = re.compile(r"[a-z0-9][a-z0-9.+-]*")
LICENCE_FILE = re.compile(r"(?:.*/)?(?:copying|copyright|licen[cs]es?|notice)(?:[.-][^/]*)?", re.IGNORECASE)
ZIP = b"PK\x03\x04"


class UrlInput:
    """Files and archives at a URL that the recipe states."""

    kind = "url"
    listed = False
    fields: ClassVar[Forms] = {"name": NAME, "version": LINE, "url": LINE, "path": PATH}
    optional: ClassVar[Forms] = {"strip": re.compile(r"[0-9]{1,2}"), "mode": re.compile(r"0644|0755")}

    def urls(self, artefact: Artefact, site: Site) -> Iterable[str]:
        """Return the place that the recipe states, or what the site says stands in its stead."""
        return site.places(artefact.data["url"])

    def index(self, artefact: Artefact, path: Path, notes: Notes | None = None) -> Iterator[Member]:  # noqa: ARG002
        """Yield the members of an archive that is to be unpacked, else the one file."""
        return self._members(artefact, path, hashed)

    def unpack(self, artefact: Artefact, path: Path, into: Path) -> Iterator[Member]:
        """Do as `index`, and leave the content of each file in the folder `into`, under its sha256."""
        return self._members(artefact, path, keeper(into))

    def placed(
        self,
        artefact: Artefact,
        members: Iterable[Member],
        python: PythonChannel,  # noqa: ARG002
    ) -> Iterator[Member]:
        """Yield the members below the path that the recipe states."""
        return (replace(member, path=path) for path, member in placed(artefact, members))

    def identity(self, artefact: Artefact, series: Series) -> Identity:  # noqa: ARG002
        """Return the input's names; what has no index of packages is known by where it came from."""
        purl = package_url(
            "generic", artefact.name, artefact.version,
            checksum=f"sha256:{artefact.sha256}", download_url=str(artefact.data["url"]),
        )  # fmt: skip
        return Identity(purl, "input", artefact.name)

    def describe(self, artefact: Artefact, path: Path, notes: Notes | None = None) -> Description:  # noqa: ARG002
        """Return where it came from, and the licence texts of a tree by their customary names.

        Nothing states a licence in a way that can be read: the policy does, by the hash of the text that a
        person read. A single file is the only text of its own.
        """
        files = [member for member in self.index(artefact, path) if member.type == "file"]
        texts = [
            file for file in files if not artefact.data.get("unpack") or LICENCE_FILE.fullmatch(file.path)
        ]
        return Description(
            homepage=str(artefact.data["url"]), texts=tuple(Text(file.path, file.sha256) for file in texts)
        )

    @staticmethod
    def _members(artefact: Artefact, path: Path, take: Taker) -> Iterator[Member]:
        if not artefact.data.get("unpack"):
            name = artefact.data["url"].rpartition("/")[2]
            with path.open("rb") as stream:
                yield Member(name, "file", 0o644, size=artefact.size, sha256=take(name, stream))
        elif _begins_with(path, ZIP):
            yield from zip_members(path, take)
        else:
            yield from _tar_file_members(path, take)


def _tar_file_members(path: Path, take: Taker) -> Iterator[Member]:
    import lzma
    import tarfile
    import zlib

    try:
        with tarfile.open(path, "r:*") as archive:
            yield from tar_members(archive, take)
    except (tarfile.TarError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        reason = f"is not an archive that can be unpacked: {error}"
        raise IntegrityError(reason, where=Location(str(path))) from error


def _begins_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(magic)) == magic
