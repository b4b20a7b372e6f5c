"""Dependencies among the Python distributions that an image keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from scs_build.inputs.edges import Edges
from scs_build.inputs.python.environment import environment
from scs_build.inputs.python.requirements import applicable, asked_extras
from scs_build.recipes.models import PythonChannel

RECIPE = "the recipe"


def python_edges(
    needs: Mapping[str, tuple[str, ...]],
    versions: Mapping[str, str],
    requested: Iterable[str],
    channel: PythonChannel,
    platform: str,
) -> Edges:
    """Return who requires whom, in the target environment and with the extras that anybody asks for.

    `needs` are the requirements (PEP 508) of each distribution by its canonical name, `versions` what the
    image holds, `requested` the requirements of its recipes.
    """
    values = environment(channel, platform)
    roots = applicable(RECIPE, requested, (), values)
    asked = asked_extras(roots, needs, values)
    wanted = {name: applicable(name, texts, asked.get(name, ()), values) for name, texts in needs.items()}
    edges = Edges({name: set() for name in needs})
    for who, those in {RECIPE: roots, **wanted}.items():
        for need in sorted(those, key=str):
            if need.name not in needs or not need.holds(versions[need.name]):
                edges.unmet.setdefault(who, []).append(str(need))
            elif who in needs and need.name != who:
                edges.needs[who].add(need.name)
    return edges
