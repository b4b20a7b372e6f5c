"""Sdists: which one is taken, and how the resolver sees it without ever building anything.

A resolver that builds an sdist to learn its requirements runs a stranger's code. Ours is told not to build
anything; of each sdist that the recipe names it sees a wheel that holds nothing but the metadata.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from scs_build.errors import ResolutionError
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.python.metadata import Metadata
from scs_build.inputs.python.source_archive import SUFFIXES

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    from scs_build.inputs.python.index import IndexFile

WHEEL = "Wheel-Version: 1.0\nGenerator: scs-build\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def choose_sdist(name: str, files: Iterable[IndexFile], limits: Iterable[str], python: str) -> Artefact:
    """Return the newest sdist of a project that fits all `limits` (specifiers) and the Python version.

    Raises `ResolutionError` when none does.
    """
    from packaging.specifiers import SpecifierSet

    allowed = SpecifierSet(",".join(filter(None, limits)))
    versions = _versions(name, files, allowed, python)
    fitting = sorted(allowed.filter(versions))
    if not fitting:
        raise ResolutionError(
            f"no sdist of {name} fits {allowed or 'Python ' + python}",
            solution="look at python.compile of the recipe and at the constraints of the series",
        )
    file = versions[fitting[-1]]
    if not file.size:
        raise ResolutionError(f"the index tells no size of {file.name}")
    return Artefact("sdist", name, str(fitting[-1]), file.sha256, file.size, data={"file": file.name})


def _versions(
    name: str, files: Iterable[IndexFile], allowed: SpecifierSet, python: str
) -> dict[Version, IndexFile]:
    """Return the usable sdists by version; one that was withdrawn only counts where it is asked for alone."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.utils import InvalidSdistFilename, parse_sdist_filename

    pinned = any(specifier.operator in ("==", "===") for specifier in allowed)
    found = {}
    for file in files:
        try:
            project, version = parse_sdist_filename(file.name)
            fits = SpecifierSet(file.requires_python).contains(f"{python}.0", prereleases=True)
        except (InvalidSdistFilename, InvalidSpecifier):
            continue  # a wheel, or something of the time before there were rules
        usable = fits and file.name.endswith(SUFFIXES) and (pinned or not file.yanked)
        # Where a project offers both, the tar: it says which files may be executed.
        if project == name and usable and (version not in found or file.name.endswith(SUFFIXES[0])):
            found[version] = file
    return found


def write_stubs(folder: Path, sdists: Iterable[tuple[Artefact, Metadata]]) -> None:
    """Write into a fresh folder, for each sdist, a wheel that holds only its metadata."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for sdist, metadata in sdists:
        top = f"{sdist.name.replace('-', '_')}-{sdist.version}"
        with zipfile.ZipFile(folder / f"{top}-py3-none-any.whl", "w") as archive:
            archive.writestr(f"{top}.dist-info/METADATA", metadata.to_text())
            archive.writestr(f"{top}.dist-info/WHEEL", WHEEL)
            archive.writestr(f"{top}.dist-info/RECORD", "")
