"""Locks the Debian packages of an image: apt resolves, the recipe's closure says what the image keeps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property

from scs_build.errors import ResolutionError
from scs_build.inputs.artefact import Artefact, Role
from scs_build.inputs.deb.apt import AptState
from scs_build.inputs.deb.closure import Unmet, walk
from scs_build.inputs.deb.package import Package, World
from scs_build.inputs.locking import Context, Finding, Request

# A minimal system from nothing: the packages that others take for granted, and apt to add them.
SCAFFOLD = ("?essential", "apt")


class DebLocker:
    """Resolves and checks the Debian packages of one image after the other, from one index state."""

    kinds = ("deb",)

    def __init__(self, context: Context) -> None:
        self._context = context

    @cached_property
    def _apt(self) -> AptState:
        """Made only when something is to be resolved: it wants mirrors."""
        c = self._context
        return AptState(
            c.work / "apt", c.site, c.series, c.platform, keys=c.folder.parent / "keys", progress=c.progress,
            timeout=c.timeout,
        )  # fmt: skip

    def lock(self, request: Request) -> list[Artefact]:
        """Return the lock lines of the image; see `Locker`."""
        if request.recipe.kind == "tools":
            return [line for group in request.recipe.groups for line in self._lock_group(request, group)]
        if request.recipe.kind == "scaffold":
            names = (*SCAFFOLD, *request.recipe.debian.packages)
            return [package.to_artefact("image") for package in self._solve(request, names, ())]
        return self._lock_image(request)

    def _lock_group(self, request: Request, group: str) -> list[Artefact]:
        found = self._solve(request, request.recipe.groups[group], ())
        return [package.to_artefact("image", group) for package in found]

    def _lock_image(self, request: Request) -> list[Artefact]:
        debian = request.recipe.debian
        below = _packages(request.base, request.parents)
        added = self._solve(request, debian.packages, below.values())
        present = below | {package.name: package for package in added}
        kept = walk(
            debian.packages, _world(present.values()), without=debian.without, stop=_kept_by(request.parents)
        )
        if kept.unmet:
            raise ResolutionError(f"{request.image}: {'; '.join(map(str, kept.unmet))}", where=request.where)
        if unused := sorted(debian.without.keys() - kept.left_out):
            raise request.component.error(
                f"nothing that the image holds depends on {', '.join(unused)}",
                "debian", "without", unused[0], key=True, solution="remove it from `without`",
            )  # fmt: skip
        present |= _packages(request.builders)
        build = self._solve(request, debian.build, present.values())
        roles: list[tuple[Role, Iterable[Package]]] = [
            ("image", (present[name] for name in kept.names)),
            ("install", (package for package in added if package.name not in kept.names)),
            ("build", build),
        ]
        return [package.to_artefact(role) for role, packages in roles for package in packages]

    def _solve(self, request: Request, names: Iterable[str], installed: Iterable[Package]) -> list[Package]:
        names, installed = tuple(names), tuple(installed)
        if not names:  # no index has to be asked
            return []
        fixed = {n: p.version for n, p in _packages(request.base, request.parents, request.builders).items()}
        own = {} if request.upgrade else _packages(request.locked)
        freed = {package.source for package in own.values() if package.name in request.free}
        keep = {name: package for name, package in own.items() if package.source not in freed}
        available = self._apt.show((package.name, package.version) for package in keep.values())
        gone = [package for package in keep.values() if (package.name, package.version) not in available]
        prefer = {name: package.version for name, package in keep.items()} | fixed
        try:
            return self._apt.solve(names, installed, prefer=prefer, also=gone)
        except ResolutionError:
            if not keep:
                raise
        self._context.progress.say(f"{request.image}: the locked versions do not fit any more")
        return self._apt.solve(names, installed, prefer=fixed)

    def check(self, request: Request) -> list[Finding]:
        """Return what the image's lock lacks or has too much; see `Locker`."""
        lines = [line for line in request.locked if line.kind == "deb"]
        recipe = request.recipe
        if recipe.kind == "tools":
            groups = {str(line.data.get("group")) for line in lines} | recipe.groups.keys()
            return [
                replace(finding, reason=f"group {group}: {finding.reason}")
                for group in sorted(groups)
                for finding in _check_closed(
                    recipe.groups.get(group, ()), [li for li in lines if li.data.get("group") == group]
                )
            ]
        if recipe.kind == "scaffold":
            return _check_closed((*SCAFFOLD, *recipe.debian.packages), lines)
        return _check_image(request, lines)


def _check_closed(names: Iterable[str], lines: list[Artefact]) -> list[Finding]:
    """Check that `names` and all that they depend on are in `lines`, and nothing else."""
    world = _world(map(Package.from_artefact, lines))
    essential = [package.name for package in world.packages.values() if package.essential]
    roots = [name for name in names if not name.startswith("?")]
    if len(roots) < len(tuple(names)):
        roots += essential
    reached = walk(roots, world, every_alternative=True)
    return _findings(reached.unmet, world.packages.keys() - reached.names, lines)


def _check_image(request: Request, lines: list[Artefact]) -> list[Finding]:
    debian = request.recipe.debian
    below = _packages(request.base, request.parents, request.builders)
    own, by_name = _packages(lines), {line.name: line for line in lines}
    apart = [
        Finding(f"{name} is {package.version} here and {below[name].version} below", by_name[name])
        for name, package in sorted(own.items())
        if name in below and below[name].sha256 != package.sha256
    ]
    kept = {line.name for line in lines if line.role == "image"}
    parents = _kept_by(request.parents)
    world = _world((below | own).values())
    closure = walk(debian.packages, world, without=debian.without, stop=parents)
    roots = (*debian.packages, *debian.build)
    reached = walk(roots, world, every_alternative=True)
    return [
        *apart,
        *_findings([*closure.unmet, *reached.unmet], own.keys() - reached.names, lines),
        *(Finding(f"{name} is not in the lock", by_name.get(name)) for name in sorted(closure.names - kept)),
        *(
            Finding(f"{name} is kept and nothing needs it", by_name[name])
            for name in sorted(kept - closure.names)
        ),
        *(
            Finding(f"without {name}: nothing depends on it")
            for name in sorted(set(debian.without) - closure.left_out)
        ),
    ]


def _findings(unmet: Iterable[Unmet], surplus: Iterable[str], lines: Iterable[Artefact]) -> list[Finding]:
    by_name = {line.name: line for line in lines}
    once = {str(need): Finding(str(need), by_name.get(need.needing or "")) for need in unmet}
    unneeded = (Finding(f"{name} is locked and nothing needs it", by_name[name]) for name in sorted(surplus))
    return [*(once[text] for text in sorted(once)), *unneeded]


def _packages(*locks: Iterable[Artefact]) -> dict[str, Package]:
    """Return the packages of lock lines by name."""
    return {line.name: Package.from_artefact(line) for lock in locks for line in lock if line.kind == "deb"}


def _kept_by(parents: Iterable[Artefact]) -> set[str]:
    return {line.name for line in parents if line.kind == "deb" and line.role == "image"}


def _world(packages: Iterable[Package]) -> World:
    return World(sorted(packages, key=lambda package: package.name))
