"""What wheels really require, once they are there: a lock can only repeat what sdists say of themselves."""

from __future__ import annotations

from collections.abc import Iterable

from scs_build.build.workshop import Workshop
from scs_build.errors import Location, LockError
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.python.check import by_name
from scs_build.inputs.python.closure import unmet
from scs_build.inputs.python.environment import environment
from scs_build.locks.layered import lock_of
from scs_build.plan.step import Step


def refuse_unmet(shop: Workshop, step: Step, wheels: Iterable[Artefact]) -> None:
    """Raise `LockError` when a wheel of this image requires what neither its lock nor those below hold."""
    graph, component = shop.graph, shop.component(step)
    locks = [graph.lock(part.name) for part in graph.lineage(component.name)]
    lines = (line for lock in locks for line in by_name(lock.artefacts, "image").values())
    held = {line.name: line.version for line in lines}
    values = environment(graph.series.python, graph.platform)
    found = list(unmet(((wheel, shop.store.blob(wheel.sha256)) for wheel in wheels), held, values))
    if found:
        raise LockError(
            "\n".join(found),
            where=Location(str(lock_of(component, graph.series.name))),
            solution=f"name it in python.requirements of the recipe, then `scs-build lock {component.name}`",
        )
