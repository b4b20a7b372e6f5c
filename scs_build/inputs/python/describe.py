"""What the metadata of a wheel says (core metadata, entry points), read from the archive itself."""

from __future__ import annotations

import re
import zipfile
from configparser import ConfigParser, Error
from dataclasses import replace
from pathlib import Path

from scs_build.canonical import sha256_bytes
from scs_build.errors import IntegrityError, Location
from scs_build.inputs.description import Bundled, Description, Statement, Text

METADATA = re.compile(r"(.*/)?[^/]+\.dist-info/METADATA")
# How projects name the files that hold licence texts and what their licences ask to pass on.
TEXTS = re.compile(r"(.*[-_.])?(licen[cs]es?|copying|notice|copyright)([-_.].*)?", re.IGNORECASE)
# Listed beside the texts by many projects, and no licence.
AUTHORS = re.compile(r"authors([-_.].*)?", re.IGNORECASE)
CLASSIFIER = "License :: "
# What older build tools wrote where a project said nothing.
NOTHING = ("", "UNKNOWN", "NONE")


def describe_wheel(path: Path) -> Description:
    """Return what a wheel says about itself; raises `IntegrityError` where it has no metadata.

    Folders of metadata below others are those of distributions that its makers put into it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = sorted((name for name in archive.namelist() if METADATA.fullmatch(name)), key=_depth)
            own, *others = found
            bundled = tuple(_bundled(archive, name) for name in others)
            return replace(_described(archive, own)[2], bundled=bundled)
    except (zipfile.BadZipFile, EOFError, ValueError, KeyError, Error) as error:
        reason = f"is not a wheel with metadata that can be read: {error}"
        raise IntegrityError(reason, where=Location(str(path))) from error


def _depth(name: str) -> tuple[int, str]:
    return name.count("/"), name


def _bundled(archive: zipfile.ZipFile, metadata: str) -> Bundled:
    name, version, description = _described(archive, metadata)
    return Bundled(name, version, description)


def _described(archive: zipfile.ZipFile, metadata: str) -> tuple[str, str, Description]:
    """Return name, version and description of the distribution that a file of metadata belongs to."""
    from packaging.metadata import parse_email
    from packaging.utils import canonicalize_name

    raw, _ = parse_email(archive.read(metadata))
    names, folder = archive.namelist(), metadata.removesuffix("METADATA")
    listed = raw.get("license_files", [])
    texts = [name for name in names if name.startswith(folder) and is_licence_text(name, folder, listed)]
    description = Description(
        summary=raw.get("summary", ""),
        homepage=_homepage(raw.get("home_page"), raw.get("project_urls", {})),
        statements=stated_licences(
            raw.get("license_expression"), raw.get("license"), raw.get("classifiers", [])
        ),
        texts=tuple(Text(name, sha256_bytes(archive.read(name))) for name in sorted(texts)),
        needs=tuple(raw.get("requires_dist", [])),
        programs=_programs(archive, f"{folder}entry_points.txt"),
        path=metadata,
    )
    return canonicalize_name(raw["name"]), raw["version"], description


def is_licence_text(name: str, folder: str, listed: list[str]) -> bool:
    """Tell whether a path in the folder of metadata holds licence texts; `listed` are those it names."""
    if name.endswith("/") or AUTHORS.fullmatch(name.rpartition("/")[2]):
        return False
    inside = name.removeprefix(folder)
    return (
        inside in listed
        or inside.startswith("licenses/")
        or TEXTS.fullmatch(name.rpartition("/")[2]) is not None
    )


def _homepage(page: str | None, urls: dict[str, str]) -> str:
    chosen = [
        url for label, url in urls.items() if label.lower() in ("homepage", "home", "source", "repository")
    ]
    return page or next(iter((*chosen, *urls.values())), "")


def stated_licences(
    expression: str | None, field: str | None, classifiers: list[str]
) -> tuple[Statement, ...]:
    """Return every statement of the licence; PEP 639: an expression replaces the older two."""
    if expression:
        return (Statement("expression", expression.strip()),)
    found = []
    if field and field.strip().upper() not in NOTHING:
        found.append(Statement("field", " ".join(field.split())))
    for text in sorted({each for each in classifiers if each.startswith(CLASSIFIER)}):
        name = text.removeprefix(CLASSIFIER).removeprefix("OSI Approved").removeprefix(" :: ")
        if name:
            found.append(Statement("classifier", name))
    return tuple(found)


def _programs(archive: zipfile.ZipFile, name: str) -> tuple[str, ...]:
    """Return the names of the programs that installing makes from the entry points."""
    if name not in archive.namelist():
        return ()
    parser = _Groups(delimiters=("=",), interpolation=None, strict=False)
    parser.read_string(archive.read(name).decode())
    groups = [group for group in ("console_scripts", "gui_scripts") if parser.has_section(group)]
    return tuple(sorted({program for group in groups for program in parser[group]}))


class _Groups(ConfigParser):
    def optionxform(self, optionstr: str) -> str:
        """Keep the case of names."""
        return optionstr
