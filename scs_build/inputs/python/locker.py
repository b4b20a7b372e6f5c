"""Locks the Python distributions of an image under the constraints of its series."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from scs_build.errors import FetchError, ResolutionError
from scs_build.inputs.artefact import Artefact, Role
from scs_build.inputs.fallback import Fallback
from scs_build.inputs.locking import Context, Finding, Request
from scs_build.inputs.python.check import KINDS, by_name, check_lines
from scs_build.inputs.python.closure import check_closure
from scs_build.inputs.python.environment import environment
from scs_build.inputs.python.index import IndexFile, lose, project_files
from scs_build.inputs.python.metadata import read_metadata
from scs_build.inputs.python.requirements import Need, applicable, asked_extras, canonical
from scs_build.inputs.python.sources import choose_sdist, write_stubs
from scs_build.inputs.python.uv import indices, resolve
from scs_build.inputs.python.wanted import (
    Wanted,
    compiled,
    constraint_places,
    limits_of,
    needs,
    specifiers_of,
    wanted_of,
    wanted_to_build,
)

if TYPE_CHECKING:
    from packaging.markers import Environment

TOOLS_GROUP = "core"


class PythonLocker:
    """Resolves and checks the wheels and sdists of images."""

    kinds = KINDS

    def __init__(self, context: Context) -> None:
        self._context = context

    @cached_property
    def _indices(self) -> Fallback:
        """Made only when something is to be resolved: uv may have to name its index."""
        return Fallback("the Python index", indices(self._context.site), self._context.progress, lose)

    @cached_property
    def _limits(self) -> dict[str, Need]:
        return {name: Need.of(limit) for name, limit in limits_of(self._context).items()}

    def lock(self, request: Request) -> list[Artefact]:
        """Return the lock lines of the image; see `Locker`."""
        if request.recipe.python is None:
            return []
        tools = request.recipe.kind == "tools"
        below = by_name(request.parents, "image")
        limits = {} if tools else dict(self._limits)
        limits |= {name: Need(name, frozenset(), f"=={line.version}") for name, line in below.items()}
        wanted = wanted_of(request, self._context)
        own = self._resolve(request, wanted, limits, compiled(request) - below.keys(), "image", below)
        own = [self._root(line, wanted, tools) for line in own]
        to_build = wanted_to_build(request, self._context)
        return own + self._resolve(request, to_build, self._limits, frozenset(), "build", {})

    @staticmethod
    def _root(line: Artefact, wanted: Wanted, tools: bool) -> Artefact:
        """Add what a line is there for."""
        data = dict(line.data)
        if line.name in wanted:
            data["requirement"] = str(wanted[line.name])
        if tools:
            data["group"] = TOOLS_GROUP
        return replace(line, data=data)

    def _resolve(
        self,
        request: Request,
        wanted: Wanted,
        limits: Mapping[str, Need],
        sources: frozenset[str],
        role: Role,
        below: Mapping[str, Artefact],
    ) -> list[Artefact]:
        if not wanted:
            return []
        locked = by_name(request.locked, role)
        kept = {n: li for n, li in locked.items() if not request.upgrade and n not in request.free}
        specified = [*needs(wanted), *limits.values()]
        sdists = {name: self._sdist(name, specified, kept.get(name)) for name in sorted(sources)}
        stubs = self._stubs(list(sdists.values()))
        try:
            found = self._asked(wanted, limits, sdists, stubs, kept)
        except ResolutionError as error:
            raise self._placed(request, error) from error
        lines = [_same_file(line, kept.get(line.name)) for line in found if line.name not in below]
        return [replace(line, role=role) for line in self._closed(request, wanted, lines, below)]

    def _asked(
        self, wanted: Wanted, limits: Mapping[str, Need], sdists: Mapping[str, Artefact], stubs: Path,
        kept: Mapping[str, Artefact],
    ) -> list[Artefact]:  # fmt: skip
        context = self._context
        return self._indices.ask(lambda index: resolve(
            [str(requirement) for requirement in wanted.values()], index=index,
            channel=context.series.python, platform=context.platform, work=context.work / "uv",
            constraints=[str(limit) for limit in limits.values()], sdists=sdists, stubs=stubs,
            prefer={name: line.version for name, line in kept.items()}, timeout=context.timeout,
        ))  # fmt: skip

    def _placed(self, request: Request, error: ResolutionError) -> ResolutionError:
        """Return an error of the resolver with what it speaks of of the series, and where that stands."""
        places = constraint_places(self._context)
        spoken = [places[name] for name in places if re.search(_spoken_of(name), error.reason)]
        spoken += [
            (specifier, where)
            for specifier, where in specifiers_of(self._context)
            if re.search(_spoken_of(canonical(specifier.name), "[<>=!~]"), error.reason)
        ]
        told = "".join(f"\n    {limit} ({where})" for limit, where in spoken)
        reason = f"{request.image}: {error.reason}" + (f"\n  constraints in it:{told}" if told else "")
        alone = spoken[0][1] if len(spoken) == 1 else None
        mend = "mend a constraint, or what is asked for beside it" if spoken else None
        return ResolutionError(
            reason, where=alone or error.where or request.where, solution=error.solution or mend
        )

    def _stubs(self, sdists: list[Artefact]) -> Path:
        """Return the folder with what uv is to see of the sdists."""
        files = self._context.store.bring(sdists)
        metadata = (read_metadata(sdist, file) for sdist, file in zip(sdists, files, strict=True))
        folder = self._context.work / "uv" / "sdists"
        write_stubs(folder, zip(sdists, metadata, strict=True))
        return folder

    def _sdist(self, name: str, limits: Iterable[Need], kept: Artefact | None) -> Artefact:
        """Return the sdist of a distribution that is compiled: the locked one while it fits."""
        own = [limit for limit in limits if limit.name == name]
        if kept and kept.kind == "sdist" and all(limit.holds(kept.version) for limit in own):
            return replace(kept, role="image")

        timeout = self._context.timeout

        def files(index: str) -> tuple[IndexFile, ...]:
            try:
                return project_files(index, name, (timeout, timeout))
            except OSError as error:
                raise FetchError(f"no answer about {name}: {error}") from error

        python = self._context.series.python.version
        return choose_sdist(name, self._indices.ask(files), [limit.specifier for limit in own], python)

    def _closed(
        self, request: Request, wanted: Wanted, lines: list[Artefact], below: Mapping[str, Artefact]
    ) -> list[Artefact]:
        """Return the lines with what each requires, as their files say; without those that nothing needs.

        Raises `ResolutionError` where that is not closed.
        """
        values = environment(self._context.series.python, self._context.platform)
        files = self._context.store.bring(lines)
        said = {li.name: read_metadata(li, file).requires for li, file in zip(lines, files, strict=True)}
        asked = asked_extras(needs(wanted), said, values)
        closed = {
            line.name: replace(line, data={"file": line.data["file"], **_proof(line, said, asked, values)})
            for line in lines
            if line.name in asked
        }
        if findings := check_closure(needs(wanted), closed, below):
            reasons = "; ".join(finding.reason for finding in findings)
            raise ResolutionError(f"{request.image}: {reasons}", where=request.where)
        return list(closed.values())

    def check(self, request: Request) -> list[Finding]:
        """Return what the image's lock lacks or has too much; see `Locker`."""
        limits = {} if request.recipe.kind == "tools" else self._limits
        return check_lines(request, self._context, limits)


def _proof(
    line: Artefact, said: Mapping[str, tuple[str, ...]], asked: Mapping[str, set[str]], values: Environment
) -> dict[str, list[str]]:
    """Return what lets a line be checked later: its requirements on this platform, with these extras."""
    extras = sorted(asked[line.name])
    requires = sorted(map(str, applicable(line.name, said[line.name], extras, values)))
    return {"requires": requires, **({"extras": extras} if extras else {})}


def _spoken_of(name: str, operator: str = "==") -> str:
    """Return the regular expression of a distribution with a version, one with the other operators too."""
    return rf"(?<![\w.-]){re.escape(name)}{operator}"


def _same_file(line: Artefact, kept: Artefact | None) -> Artefact:
    """Keep the locked file of the same version: an index may list further wheels later."""
    same = kept is not None and (kept.kind, kept.version) == (line.kind, line.version)
    return kept if same and kept is not None else line
