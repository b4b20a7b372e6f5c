"""Locks the Python distributions of an image under the constraints of its series."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, cast

from scs_build.errors import Location, RecipeError
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.locking import Context, Request
from scs_build.inputs.python.environment import environment
from scs_build.inputs.python.uv import resolve

if TYPE_CHECKING:
    from packaging.requirements import Requirement

TOOLS_GROUP = "core"


class PythonLocker:
    """Resolves and checks the wheels and sdists of images."""

    kinds = ("wheel", "sdist")

    def __init__(self, context: Context) -> None:
        self._context = context

    @cached_property
    def _constraints(self) -> dict[str, str]:
        """The series' upper constraints that apply to its interpreter, by canonical name."""
        path = self._context.folder / self._context.series.constraints
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise RecipeError("these constraints cannot be read", where=Location(str(path))) from error
        values = cast("dict[str, str]", environment(self._context.series.python, self._context.platform))
        found = {}
        for number, line in enumerate(lines, 1):
            if text := line.partition("#")[0].strip():
                limit = parse(text, Location(str(path), number))
                if limit.marker is None or limit.marker.evaluate(values):
                    found[canonical(limit.name)] = f"{limit.name}{limit.specifier}"
        return found

    def lock(self, request: Request) -> list[Artefact]:
        """Return the lock lines of the image; see `Locker`."""
        python = request.recipe.python
        if python is None:
            return []
        tools = request.recipe.kind == "tools"
        held = _versions(request.parents, "image")
        limits = [f"{name}=={version}" for name, version in held.items()]
        if not tools:
            limits += [text for name, text in self._constraints.items() if name not in held]
        wanted = self._wanted(request)
        sources = {canonical(name) for name in python.compile}
        own = self._resolve(request, list(wanted.values()), limits, sources, "image")
        lines = [self._line(line, wanted, tools) for line in own if line.name not in held]
        build = self._resolve(request, python.build, list(self._constraints.values()), (), "build")
        return lines + [replace(line, role="build") for line in build]

    def _wanted(self, request: Request) -> dict[str, str]:
        """Return the image's requirements by canonical name, with the specifiers of the series added."""
        python, series = request.recipe.python, self._context.series
        channels = {canonical(name): specifier for name, specifier in series.components.items()}
        wanted = {}
        for text in python.requirements if python else ():
            requirement = parse(text, request.where)
            name = canonical(requirement.name)
            if name in channels:
                requirement.specifier &= parse(f"x{channels[name]}", request.where).specifier
            wanted[name] = str(requirement)
        return wanted

    def _resolve(
        self, request: Request, wanted: Iterable[str], limits: list[str], sources: Iterable[str], role: str
    ) -> list[Artefact]:
        context, wanted = self._context, list(wanted)
        if not wanted:
            return []
        locked = {line.name: line for line in request.locked if line.kind in self.kinds and line.role == role}
        kept = {n: li for n, li in locked.items() if not request.upgrade and n not in request.free}
        found = resolve(
            wanted, channel=context.series.python, platform=context.platform, site=context.site,
            work=context.work / "uv", constraints=limits, from_source=set(sources),
            prefer={name: line.version for name, line in kept.items()},
        )  # fmt: skip
        return [_same_file(line, kept.get(line.name)) for line in found]

    @staticmethod
    def _line(line: Artefact, wanted: dict[str, str], tools: bool) -> Artefact:
        data = dict(line.data)
        data.pop("requirement", None)
        if line.name in wanted:
            data["requirement"] = wanted[line.name]
        if tools:
            data["group"] = TOOLS_GROUP
        return replace(line, data=data)

    def check(self, request: Request) -> list[str]:
        """Return what the image's lock lacks or has too much; see `Locker`."""
        lines = [line for line in request.locked if line.kind in self.kinds]
        own = {line.name: line for line in lines if line.role == "image"}
        build = {line.name: line for line in lines if line.role == "build"}
        python = request.recipe.python
        if python is None:
            return [f"{name} is locked and nothing needs it" for name in sorted(own | build)]
        wanted = self._wanted(request)
        present = _versions(request.parents, "image") | _versions(lines, "image")
        sources = {canonical(name) for name in python.compile}
        findings = _uncovered(wanted.values(), present, request.where)
        findings += _uncovered(python.build, _versions(lines, "build"), request.where)
        for name, line in sorted(own.items()):
            if line.data.get("requirement") != wanted.get(name):
                findings.append(f"{name} is locked for another requirement than {wanted.get(name, 'none')}")
            if (line.kind == "sdist") != (name in sources):
                findings.append(f"{name} is locked as {line.kind}, against python.compile")
        if request.recipe.kind != "tools":
            findings += self._against_constraints(own, request.where)
        return findings

    def _against_constraints(self, own: dict[str, Artefact], where: Location) -> list[str]:
        chosen = {name: self._constraints[name] for name in sorted(own) if name in self._constraints}
        return _uncovered(chosen.values(), {name: own[name].version for name in chosen}, where)


def parse(text: str, where: Location) -> Requirement:
    """Parse a requirement (PEP 508); raises `RecipeError`."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(text)
    except InvalidRequirement as error:
        raise RecipeError(f"{text!r} is not a requirement: {error}", where=where) from error


def canonical(name: str) -> str:
    """Return the name of a distribution in the one form that is compared."""
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)


def _versions(lines: Iterable[Artefact], role: str) -> dict[str, str]:
    return {li.name: li.version for li in lines if li.kind in PythonLocker.kinds and li.role == role}


def _uncovered(wanted: Iterable[str], present: dict[str, str], where: Location) -> list[str]:
    findings = []
    for text in wanted:
        requirement = parse(text, where)
        version = present.get(canonical(requirement.name))
        if version is None:
            findings.append(f"{requirement} is not in the lock")
        elif not requirement.specifier.contains(version, prereleases=True):
            findings.append(f"{requirement} is locked as {version}")
    return findings


def _same_file(line: Artefact, kept: Artefact | None) -> Artefact:
    """Keep the locked file of the same version: an index may list further wheels later."""
    same = kept is not None and (kept.kind, kept.version) == (line.kind, line.version)
    return kept if same and kept is not None else line
