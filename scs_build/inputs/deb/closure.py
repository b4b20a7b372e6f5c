"""Which packages an image keeps: what its recipe names and what that depends on."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from scs_build.inputs.deb.package import Package, Relation, World


@dataclass(frozen=True)
class Unmet:
    """A need that nothing fulfils, and the package (None: the recipe) that has it."""

    needing: str | None
    group: tuple[Relation, ...]

    def __str__(self) -> str:
        return f"{self.needing or 'the recipe'} needs {' | '.join(str(relation) for relation in self.group)}"


@dataclass
class Closure:
    """The result of a walk: names reached, names left out on purpose, needs that nothing fulfils."""

    names: set[str] = field(default_factory=set)
    left_out: set[str] = field(default_factory=set)
    unmet: list[Unmet] = field(default_factory=list)


def walk(
    roots: Iterable[str],
    world: World,
    *,
    without: Collection[str] = (),
    stop: Collection[str] = (),
    every_alternative: bool = False,
) -> Closure:
    """Walk Depends and Pre-Depends from `roots` within `world`.

    `without` (names of packages, or of what packages provide) and `stop` (what parents keep) are not
    entered. Of alternatives the first that the world fulfils is taken, or all with `every_alternative`.
    """
    result = Closure()
    queue: list[tuple[str | None, tuple[Relation, ...]]] = [(None, (Relation(name),)) for name in roots]
    while queue:
        needing, group = queue.pop()
        found = _choose(group, world, every_alternative)
        if not found:
            result.unmet.append(Unmet(needing, group))
        for relation, package in found:
            if left_out := {relation.name, package.name}.intersection(without):
                result.left_out |= left_out
            elif package.name not in stop and package.name not in result.names:
                result.names.add(package.name)
                queue += [(package.name, need) for need in package.needs]
    return result


def _choose(group: tuple[Relation, ...], world: World, every: bool) -> list[tuple[Relation, Package]]:
    found = [(relation, package) for relation in group for package in world.fulfilling(relation)]
    return found if every else found[:1]
