"""The input kinds `wheel` and `sdist`: where a distribution can be had and what its archive holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from scs_build.inputs.archive import zip_members
from scs_build.inputs.artefact import LINE, Artefact, Forms, Member, Notes
from scs_build.inputs.description import Description, Identity
from scs_build.inputs.purl import package_url
from scs_build.inputs.python.installed import installed

if TYPE_CHECKING:
    from scs_build.recipes.models import PythonChannel, Series
    from scs_build.recipes.site import Site


class _Distribution:
    listed = True
    fields: ClassVar[Forms] = {
        "name": re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"),
        "version": re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*"),
        "file": re.compile(r"[A-Za-z0-9][^/\x00-\x1f\x7f]*"),
    }
    optional: ClassVar[Forms] = dict.fromkeys(("requirement", "group"), LINE)

    def urls(self, artefact: Artefact, site: Site) -> Iterable[str]:
        """Yield where the file is, asking the indices of the site or of uv; only its hash counts."""
        from scs_build.inputs.python.index import file_urls
        from scs_build.inputs.python.uv import indices

        return file_urls(indices(site), artefact.name, artefact.sha256)

    def identity(self, artefact: Artefact, series: Series) -> Identity:  # noqa: ARG002
        """Return the distribution's names."""
        purl = package_url("pypi", artefact.name, artefact.version)
        return Identity(purl, "distribution", artefact.name)


class WheelInput(_Distribution):
    """Built distributions."""

    kind = "wheel"

    def index(self, artefact: Artefact, path: Path, notes: Notes | None = None) -> Iterator[Member]:  # noqa: ARG002
        """Yield the files of the archive as they are in it, `*.data/` included."""
        return zip_members(path)

    def placed(
        self, artefact: Artefact, members: Iterable[Member], python: PythonChannel
    ) -> Iterator[Member]:
        """Yield the members where and how the virtual environment of an image has them."""
        return (installed(member, artefact.name, python) for member in members)

    def describe(self, artefact: Artefact, path: Path, notes: Notes | None = None) -> Description:  # noqa: ARG002
        """Return what the wheel's metadata says."""
        from scs_build.inputs.python.describe import describe_wheel

        return describe_wheel(path)


class SdistInput(_Distribution):
    """Source distributions."""

    kind = "sdist"

    def index(self, artefact: Artefact, path: Path, notes: Notes | None = None) -> Iterator[Member]:  # noqa: ARG002
        """Yield the paths of the source archive."""
        from scs_build.inputs.python.source_archive import source_members

        return source_members(path)

    def placed(
        self,
        artefact: Artefact,  # noqa: ARG002
        members: Iterable[Member],  # noqa: ARG002
        python: PythonChannel,  # noqa: ARG002
    ) -> tuple[()]:
        """Return nothing: what is compiled from it is a wheel."""
        return ()

    def describe(self, artefact: Artefact, path: Path, notes: Notes | None = None) -> Description:  # noqa: ARG002
        """Return nothing: the wheel that is compiled from it speaks."""
        return Description()
