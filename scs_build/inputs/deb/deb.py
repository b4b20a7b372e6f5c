"""The input kind `deb`: where a binary package can be had and what it brings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from scs_build.errors import IntegrityError, Location
from scs_build.inputs.archive import clean, tar_members
from scs_build.inputs.artefact import LINE, Artefact, Forms, Member, Notes
from scs_build.inputs.deb.mirrors import archive_of, mirrors
from scs_build.inputs.deb.package import RELATIONS
from scs_build.inputs.description import Description, Identity, Origin
from scs_build.inputs.purl import package_url

if TYPE_CHECKING:
    import tarfile

    from scs_build.recipes.models import PythonChannel, Series
    from scs_build.recipes.site import Site

NAME = re.compile(r"[a-z0-9][a-z0-9.+-]*")
VERSION = re.compile(r"([0-9]+:)?[A-Za-z0-9][A-Za-z0-9.+~-]*")


class DebInput:
    """Debian binary packages."""

    kind = "deb"
    listed = False
    fields: ClassVar[Forms] = {
        "name": NAME, "version": VERSION, "source": NAME, "source_version": VERSION,
        "architecture": re.compile(r"[a-z0-9-]+"), "path": re.compile(r"[A-Za-z0-9][^\x00-\x20\x7f]*"),
    }  # fmt: skip
    optional: ClassVar[Forms] = dict.fromkeys((*RELATIONS, "multi_arch", "group"), LINE)

    def urls(self, artefact: Artefact, site: Site) -> Iterable[str]:
        """Yield the package's place on each mirror, then in each dated archive of the site."""
        path = artefact.data["path"]
        for base in (*mirrors(site, archive_of(path)), *site.debian_snapshot):
            yield f"{base}/{path}"

    def index(self, artefact: Artefact, path: Path, notes: Notes | None = None) -> Iterator[Member]:
        """Yield every path of the package's data archive; the copyright file on the way is noted."""
        from scs_build.inputs.deb.copyright import Noted

        noted = Noted(artefact.name, {} if notes is None else notes)
        with opened(path, "data") as archive:
            for member in tar_members(archive, noted.take):
                noted.see(member)
                yield member

    def placed(
        self,
        artefact: Artefact,  # noqa: ARG002
        members: Iterable[Member],
        python: PythonChannel,  # noqa: ARG002
    ) -> Iterable[Member]:
        """Return the members: a package is unpacked onto the root."""
        return members

    def identity(self, artefact: Artefact, series: Series) -> Identity:
        """Return the package's names; it was made from its source package."""
        release, data = series.debian.release, artefact.data
        url = partial(package_url, "deb", namespace="debian", distro=release)
        name, version = data["source"], data["source_version"]
        origin = Origin(name, version, url(name=name, version=version, arch="source"))
        purl = url(name=artefact.name, version=artefact.version, arch=data["architecture"])
        return Identity(purl, "source", name, origin)

    def describe(self, artefact: Artefact, path: Path, notes: Notes | None = None) -> Description:
        """Return what the control paragraph and the copyright file say."""
        from debian.deb822 import Deb822

        from scs_build.inputs.deb.copyright import (
            copyright_in,
            licence_text,
            read_copyright,
            referred,
            statements,
        )  # fmt: skip

        fields = Deb822(control(path))
        content, other = copyright_in(notes) if notes else read_copyright(path, artefact.name)
        summary = fields.get("Description", "").partition("\n")[0]
        homepage = fields.get("Homepage", "")
        if content is None:
            return Description(summary, homepage, texts_of=other)
        text = licence_text(artefact.name, content)
        return Description(
            summary, homepage, statements(content), (text,), refers=referred(content), path=text.path
        )


def control(path: Path) -> str:
    """Return the control paragraph of a package file."""
    text = _control_member(path, "control")
    if text is None:
        raise IntegrityError("holds no control paragraph", where=Location(str(path)))
    return text.decode()


def md5sums(path: Path) -> bytes:
    """Return the table of file hashes that dpkg keeps of a package; empty where the package brings none."""
    return _control_member(path, "md5sums") or b""


def extract(path: Path, into: Path) -> None:
    """Unpack a package's data into a directory, with owners when root; no maintainer script runs.

    A path below a link that leads out of `into` is refused with `IntegrityError`.
    """
    import tarfile

    root, safe = into.resolve(), set[Path]()
    with opened(path, "data") as archive:
        # Owners and modes are the package's; Python 3.11.2, that of Debian 12, has no filters yet.
        archive.extraction_filter = getattr(tarfile, "fully_trusted_filter", None)
        for info in archive:
            info.name = clean(info.name)
            if not info.name:
                continue
            folder = (root / info.name).parent
            if folder not in safe and not folder.resolve().is_relative_to(root):
                raise IntegrityError(f"{info.name} leads out of the directory", where=Location(str(path)))
            safe.add(folder)
            if info.islnk():
                info.linkname = clean(info.linkname)
            elif info.issym():
                safe.clear()  # a link may stand where a folder was
            if not (info.isdir() and (root / info.name).is_dir()):
                archive.extract(info, root, numeric_owner=True)


def _control_member(path: Path, name: str) -> bytes | None:
    with opened(path, "control") as archive:
        for info in archive:
            stream = archive.extractfile(info) if clean(info.name) == name else None
            if stream:
                return stream.read()
    return None


@contextmanager
def opened(path: Path, part: str) -> Iterator[tarfile.TarFile]:
    """Open the data or control archive of a package; raises `IntegrityError` where it is not one."""
    import tarfile

    from debian.arfile import ArError
    from debian.debfile import DebError, DebFile

    try:
        package = DebFile(str(path))
        try:
            yield getattr(package, part).tgz()
        finally:
            package.close()
    except (ArError, DebError, tarfile.TarError, EOFError, ValueError) as error:
        raise IntegrityError(f"is not a Debian package: {error}", where=Location(str(path))) from error
