"""The packages of any image as its own bytes list them: dpkg's status, and the metadata of distributions."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from scs_build.build.packages import STATUS
from scs_build.evidence.licence import licence_of
from scs_build.evidence.licence_policy import Policy
from scs_build.evidence.shipped import Shipped
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.deb.copyright import DOC, licence_text, statements
from scs_build.inputs.description import Description, Identity, Text
from scs_build.inputs.python.describe import is_licence_text, stated_licences

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

# Where Debian's own images have the status of all packages in one file.
WHOLE_STATUS = "var/lib/dpkg/status"
SUMS = ".md5sums"
METADATA = re.compile(r"(?P<site>.*)/[^/]+\.dist-info/METADATA")
BYTECODE = re.compile(r"(?P<folder>.+)/__pycache__/(?P<name>[^/]+)\.cpython-\d+(\.opt-\d)?\.pyc")
# As many links from one package's folder of documents to another's are followed.
MAX_LINKS = 5


@dataclass(frozen=True)
class Package:
    """A package of an image; `kind` is `deb` or `wheel`, `source` the Debian source package.

    `metadata` is the folder in which a Python distribution describes itself.
    """

    kind: str
    name: str
    version: str
    source: str = ""
    metadata: str = ""

    @property
    def id(self) -> str:
        """Kind and name: what stays the same when the version changes."""
        return f"{self.kind}:{self.name}"


class Installed:
    """What package managers would list in an image, the licences of that, and which paths belong to it."""

    def __init__(self, shipped: Shipped, policy: Policy) -> None:
        self.shipped = shipped
        self._policy = policy

    @cached_property
    def packages(self) -> dict[str, Package]:
        """Every package by `Package.id`; a name that is there twice, bundled in another one, counts once."""
        found = sorted((*self._debs(), *self._wheels()), key=lambda p: (p.kind, p.name, -len(p.metadata)))
        return {package.id: package for package in found}

    @cached_property
    def _files(self) -> dict[str, bytes]:
        """The content of the databases, read in one go."""
        return self.shipped.contents({path for path in self.shipped.items if _is_database(path)})

    @cached_property
    def _owners(self) -> dict[str, str]:
        """The package that brought each path, as the databases say; of a folder the first that needs it."""
        found: dict[str, str] = {}
        folders: dict[str, str] = {}
        for package in self.packages.values():
            lists = self._deb_paths(package) if package.kind == "deb" else self._wheel_paths(package)
            for path in lists:
                found[path] = package.id
                folder = posixpath.dirname(path)
                if path.endswith(".py"):
                    folders.setdefault(f"{folder}/__pycache__", package.id)
                while folder and folder not in folders:
                    folders[folder] = package.id
                    folder = posixpath.dirname(folder)
        return folders | found

    def owner(self, path: str) -> str:
        """Return the id of the package that brought a path, or from whose source it is byte code; else ``."""
        code = BYTECODE.fullmatch(path)
        source = f"{code['folder']}/{code['name']}.py" if code else path
        return self._owners.get(path) or self._owners.get(source, "")

    def licence(self, package: Package) -> str:
        """Return the licence of a package in SPDX, as it says itself or the policy states; empty: unknown."""
        description = self._deb_text(package.name) if package.kind == "deb" else self._wheel_text(package)
        family, subject = (
            ("source", package.source) if package.kind == "deb" else ("distribution", package.name)
        )
        artefact = Artefact(package.kind, package.name, package.version, "", 0)
        identity = Identity("", family, subject)  # type: ignore[arg-type]
        return licence_of(artefact, identity, description, self._policy).expression

    def _debs(self) -> Iterator[Package]:
        from debian.deb822 import Deb822

        for path, content in self._files.items():
            if path == WHOLE_STATUS or (path.startswith(f"{STATUS}/") and not path.endswith(SUMS)):
                for stanza in Deb822.iter_paragraphs(content, use_apt_pkg=False):
                    name, version = stanza.get("Package", ""), stanza.get("Version", "")
                    source = stanza.get("Source", name).partition(" ")[0]
                    if name and " installed" in stanza.get("Status", " installed"):
                        yield Package("deb", name, version, source)

    def _wheels(self) -> Iterator[Package]:
        from packaging.utils import canonicalize_name

        for path, content in self._files.items():
            if METADATA.fullmatch(path):
                raw = _metadata(content)
                name = canonicalize_name(str(raw.get("name", "")))
                yield Package("wheel", name, str(raw.get("version", "")), metadata=posixpath.dirname(path))

    def _deb_paths(self, package: Package) -> Iterator[str]:
        base = f"{STATUS}/{package.name}"
        yield from (base, f"{base}{SUMS}")
        for line in self._files.get(f"{base}{SUMS}", b"").decode(errors="replace").splitlines():
            yield line.partition("  ")[2]

    def _wheel_paths(self, package: Package) -> Iterator[str]:
        import csv

        site = posixpath.dirname(package.metadata)
        text = self._files.get(f"{package.metadata}/RECORD", b"").decode(errors="replace")
        for row in csv.reader(text.splitlines()):
            if row:
                yield posixpath.normpath(posixpath.join(site, row[0])).lstrip("/")

    def _deb_text(self, name: str) -> Description:
        for _ in range(MAX_LINKS):
            item = self.shipped.items.get(f"{DOC}/{name}") or self.shipped.items.get(
                f"{DOC}/{name}/copyright"
            )
            if item is None or item.type != "link":
                break
            name = item.link.rstrip("/").removesuffix("/copyright").rpartition("/")[2]
        content = self._files.get(f"{DOC}/{name}/copyright")
        if content is None:
            return Description()
        return Description(statements=statements(content), texts=(licence_text(name, content),))

    def _wheel_text(self, package: Package) -> Description:
        raw = _metadata(self._files[f"{package.metadata}/METADATA"])
        folder = f"{package.metadata}/"
        texts = [
            Text(path, item.sha256)
            for path, item in self.shipped.items.items()
            if path.startswith(folder) and is_licence_text(path, folder, raw.get("license_files", []))
        ]
        said = stated_licences(raw.get("license_expression"), raw.get("license"), raw.get("classifiers", []))
        return Description(statements=said, texts=tuple(texts))


def _is_database(path: str) -> bool:
    if path.startswith(f"{DOC}/"):
        return path.endswith("/copyright")
    if ".dist-info/" in path:
        return path.endswith(("/METADATA", "/RECORD"))
    return path.startswith(f"{STATUS}/") or path == WHOLE_STATUS


def _metadata(content: bytes) -> RawMetadata:
    from packaging.metadata import parse_email

    return parse_email(content)[0]
