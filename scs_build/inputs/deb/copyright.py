"""The copyright file of a Debian package: where it is, what it states, what it points to."""

from __future__ import annotations

import logging
import posixpath
import re
import warnings
from pathlib import Path
from typing import IO

from scs_build.canonical import sha256_bytes
from scs_build.inputs.archive import clean, hashed
from scs_build.inputs.artefact import Member, Notes
from scs_build.inputs.deb.deb import opened
from scs_build.inputs.description import Statement, Text

DOC = "usr/share/doc"
COMMON = re.compile(r"/usr/share/common-licenses/([A-Za-z0-9][A-Za-z0-9.+-]*[A-Za-z0-9+]|[A-Za-z0-9])")


class Noted:
    """Notes the copyright file of a package while all of its members are read; see `copyright_in`.

    A hard link has no content of its own: nothing is noted then, and `read_copyright` follows it.
    """

    def __init__(self, package: str, notes: Notes) -> None:
        self._wanted = (f"{DOC}/{package}", f"{DOC}/{package}/copyright")
        self._notes = notes

    def take(self, path: str, stream: IO[bytes]) -> str:
        """Return the sha256 of a member's content."""
        if path != self._wanted[1]:
            return hashed(path, stream)
        content = stream.read()
        self._notes["copyright"] = content.decode("latin-1")
        return sha256_bytes(content)

    def see(self, member: Member) -> None:
        """Look where a link leads."""
        if member.type == "link" and member.path in self._wanted:
            self._notes["package"] = _package_of(member.path, member.link)


def copyright_in(notes: Notes) -> tuple[bytes | None, str]:
    """Return what `read_copyright` does, from what was noted."""
    content = notes.get("copyright")
    return (None, notes["package"]) if content is None else (content.encode("latin-1"), "")


def read_copyright(path: Path, package: str) -> tuple[bytes | None, str]:
    """Return the content of a package's copyright file, or the name of the package whose file is its own.

    Policy 12.5: the folder may be a link to that of a package of the same source.
    """
    wanted = (f"{DOC}/{package}", f"{DOC}/{package}/copyright")
    with opened(path, "data") as archive:
        for info in archive:
            name = clean(info.name)
            if name in wanted and info.issym():
                return None, _package_of(name, info.linkname)
            if name == wanted[1] and (stream := archive.extractfile(info)):
                return stream.read(), ""
    return None, ""


def _package_of(name: str, link: str) -> str:
    """Return the package in whose folder a link ends."""
    target = posixpath.normpath(posixpath.join("/", posixpath.dirname(name), link))
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
