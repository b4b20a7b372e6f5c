"""Dependencies among the Debian packages that an image keeps."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from scs_build.inputs.artefact import Artefact
from scs_build.inputs.deb.package import Package, Relation, World
from scs_build.inputs.edges import Edges


def deb_edges(kept: Iterable[Artefact], others: Iterable[Artefact], without: Collection[str]) -> Edges:
    """Return who depends on whom (Depends, Pre-Depends; of alternatives the first that is kept).

    `others` are there only while packages are installed; a need that one of them fulfils and `without` (the
    names that recipes leave out) has is met on purpose, as is one that names such a package itself.
    """
    packages = [Package.from_artefact(artefact) for artefact in kept]
    world = World(packages)
    aside = World([Package.from_artefact(artefact) for artefact in others])
    edges = Edges()
    for package in packages:
        needs = edges.needs.setdefault(package.name, set())
        for group in package.needs:
            found = next((other for relation in group for other in world.fulfilling(relation)), None)
            if found is not None:
                needs.add(found.name)
            elif not _left_out(group, aside, without):
                edges.unmet.setdefault(package.name, []).append(" | ".join(str(each) for each in group))
        needs.discard(package.name)
    return edges


def _left_out(group: Iterable[Relation], aside: World, without: Collection[str]) -> bool:
    names = {relation.name for relation in group}
    names |= {package.name for relation in group for package in aside.fulfilling(relation)}
    return not names.isdisjoint(without)
