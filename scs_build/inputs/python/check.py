"""Checks the Python lines of a lock against the recipe, the series, and the locks below."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from scs_build.inputs.artefact import Artefact
from scs_build.inputs.locking import Context, Finding, Request
from scs_build.inputs.python.closure import check_closure
from scs_build.inputs.python.environment import tags
from scs_build.inputs.python.requirements import Need
from scs_build.inputs.python.wanted import Wanted, compiled, needs, wanted_of, wanted_to_build

if TYPE_CHECKING:
    from packaging.tags import Tag

KINDS = ("wheel", "sdist")


def check_lines(request: Request, context: Context, limits: Mapping[str, Need]) -> list[Finding]:
    """Return what the image's Python lines lack or have too much; `limits` are the series' constraints."""
    lines = [line for line in request.locked if line.kind in KINDS]
    wanted, build = wanted_of(request, context), by_name(lines, "build")
    own, below = by_name(lines, "image"), by_name(request.parents, "image")
    supported = frozenset(tags(context.series.python, context.platform))
    return [
        *_twice(lines),
        *(Finding(f"{name} is locked below already", own[name]) for name in sorted(own.keys() & below)),
        *check_closure(needs(wanted), own, below),
        *check_closure(needs(wanted_to_build(request, context)), build, {}),
        *_against_recipe(own.values(), wanted, compiled(request)),
        *(finding for line in lines for finding in _against_file(line, supported)),
        *(finding for line in lines for finding in _against_limit(line, limits.get(line.name))),
    ]


def by_name(lines: Iterable[Artefact], role: str) -> dict[str, Artefact]:
    """Return the Python lines of one role by name."""
    return {line.name: line for line in lines if line.kind in KINDS and line.role == role}


def _twice(lines: Iterable[Artefact]) -> Iterable[Finding]:
    seen = set()
    for line in lines:
        if (line.name, line.role) in seen:
            yield Finding(f"{line.name} is locked twice", line)
        seen.add((line.name, line.role))


def _against_recipe(lines: Iterable[Artefact], wanted: Wanted, sources: frozenset[str]) -> Iterable[Finding]:
    for line in lines:
        requirement = str(wanted[line.name]) if line.name in wanted else None
        if line.data.get("requirement") != requirement:
            asked = (
                f"for another requirement than {requirement}" if requirement else "as if the recipe named it"
            )
            yield Finding(f"{line.name} is locked {asked}", line)
        if (line.kind == "sdist") != (line.name in sources):
            yield Finding(f"{line.name} is locked as {line.kind}, against python.compile", line)


def _against_file(line: Artefact, supported: frozenset[Tag]) -> Iterable[Finding]:
    """Check that the file is what the line says, and of use to the series' interpreter."""
    from packaging.utils import (
        InvalidSdistFilename,
        InvalidWheelFilename,
        canonicalize_version,
        parse_sdist_filename,
        parse_wheel_filename,
    )

    file, fits = str(line.data.get("file")), True
    try:
        if line.kind == "wheel":
            name, version, _, found = parse_wheel_filename(file)
            fits = bool(found & supported)
        else:
            name, version = parse_sdist_filename(file)
    except (InvalidWheelFilename, InvalidSdistFilename):
        yield Finding(f"{line.name}: {file} is not the name of a {line.kind}", line)
        return
    if (name, canonicalize_version(version)) != (line.name, canonicalize_version(line.version)):
        yield Finding(f"{line.name} {line.version} is locked with {file}, the file of another", line)
    elif not fits:
        yield Finding(f"{file} does not fit the interpreter and platform of the series", line)


def _against_limit(line: Artefact, limit: Need | None) -> Iterable[Finding]:
    if limit and not limit.holds(line.version):
        yield Finding(f"the series constrains {limit}, locked is {line.version}", line)
