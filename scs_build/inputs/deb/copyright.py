"""The copyright file of a Debian package: where it is, what it states, what it points to."""

from __future__ import annotations

import logging
import posixpath
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from scs_build.canonical import sha256_bytes
from scs_build.inputs.archive import clean
from scs_build.inputs.deb.deb import opened
from scs_build.inputs.description import Statement, Text

if TYPE_CHECKING:
    import tarfile

DOC = "usr/share/doc"
COMMON = re.compile(r"/usr/share/common-licenses/([A-Za-z0-9][A-Za-z0-9.+-]*[A-Za-z0-9+]|[A-Za-z0-9])")


def read_copyright(path: Path, package: str) -> tuple[bytes | None, str]:
    """Return the content of a package's copyright file, or the name of the package whose file is its own.

    Policy 12.5: the folder may be a link to that of a package of the same source.
    """
    wanted = (f"{DOC}/{package}", f"{DOC}/{package}/copyright")
    with opened(path, "data") as archive:
        for info in archive:
            name = clean(info.name)
            if name in wanted and info.issym():
                return None, _package_of(name, info)
            if name == wanted[1] and (stream := archive.extractfile(info)):
                return stream.read(), ""
    return None, ""


def _package_of(name: str, info: tarfile.TarInfo) -> str:
    """Return the package in whose folder a link ends."""
    target = posixpath.normpath(posixpath.join("/", posixpath.dirname(name), info.linkname))
    return target.removeprefix(f"/{DOC}/").partition("/")[0]


def statements(content: bytes) -> tuple[Statement, ...]:
    """Return each licence that a machine-readable copyright file states of any file, once; else nothing."""
    from debian.copyright import Copyright, NotMachineReadableError

    lines = content.decode(errors="replace").splitlines(keepends=True)
    logging.getLogger("debian.copyright").disabled = True
    try:
        with warnings.catch_warnings(action="ignore"):
            parsed = Copyright(lines, strict=False)
            found = {paragraph.license for paragraph in parsed.all_files_paragraphs()}
    except (NotMachineReadableError, ValueError):
        return ()
    names = {" ".join(each.synopsis.split()) for each in found if each and each.synopsis}
    return tuple(Statement("debian", name) for name in sorted(names))


def referred(content: bytes) -> tuple[str, ...]:
    """Return the common licence texts that a copyright file points to instead of repeating them."""
    text = content.decode(errors="replace")
    return tuple(sorted({f"/usr/share/common-licenses/{name}" for name in COMMON.findall(text)}))


def licence_text(package: str, content: bytes) -> Text:
    """Return the copyright file as the licence text of its package."""
    return Text(f"{DOC}/{package}/copyright", sha256_bytes(content))
