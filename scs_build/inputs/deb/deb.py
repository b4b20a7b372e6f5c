"""The input kind `deb`: where a binary package can be had and what it brings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scs_build.errors import IntegrityError, Location
from scs_build.inputs.archive import clean, tar_members
from scs_build.inputs.artefact import Artefact, Member
from scs_build.inputs.deb.mirrors import archive_of, mirrors

if TYPE_CHECKING:
    import tarfile

    from scs_build.recipes.site import Site


class DebInput:
    """Debian binary packages."""

    kind = "deb"
    fields = ("path", "source", "source_version", "architecture")

    def urls(self, artefact: Artefact, site: Site) -> Iterable[str]:
        """Yield the package's place on each mirror, then in each dated archive of the site."""
        path = artefact.data["path"]
        for base in (*mirrors(site, archive_of(path)), *site.debian_snapshot):
            yield f"{base}/{path}"

    def index(self, artefact: Artefact, path: Path) -> Iterator[Member]:  # noqa: ARG002
        """Yield every path of the package's data archive."""
        with _open(path, "data") as archive:
            yield from tar_members(archive)


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
    with _open(path, "data") as archive:
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
    with _open(path, "control") as archive:
        for info in archive:
            stream = archive.extractfile(info) if clean(info.name) == name else None
            if stream:
                return stream.read()
    return None


@contextmanager
def _open(path: Path, part: str) -> Iterator[tarfile.TarFile]:
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
