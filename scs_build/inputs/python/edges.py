"""Dependencies among the Python distributions that an image keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

from scs_build.inputs.edges import Edges
from scs_build.inputs.python.environment import environment
from scs_build.recipes.models import PythonChannel

if TYPE_CHECKING:
    from packaging.requirements import Requirement


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
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    values = cast("dict[str, str]", environment(channel, platform))
    edges, extras = Edges({name: set() for name in needs}), {name: set[str]() for name in needs}
    queue: list[tuple[str, Requirement]] = [("", Requirement(text)) for text in requested]
    # Without an extra first: what everybody gets.
    queue += [(name, each) for name in needs for each in _applying(needs[name], "", values)]
    while queue:
        needing, requirement = queue.pop()
        name = canonicalize_name(requirement.name)
        if name not in needs or not requirement.specifier.contains(versions[name], prereleases=True):
            edges.unmet.setdefault(needing or "the recipe", []).append(str(requirement))
            continue
        if needing and needing != name:
            edges.needs[needing].add(name)
        for extra in {canonicalize_name(each) for each in requirement.extras} - extras[name]:
            extras[name].add(extra)
            queue += [(name, each) for each in _applying(needs[name], extra, values)]
    return edges


def _applying(texts: Iterable[str], extra: str, values: dict[str, str]) -> list[Requirement]:
    """Return the requirements that hold with an extra (none: without any) and not already without one."""
    from packaging.requirements import Requirement

    found = [Requirement(text) for text in texts]
    bare, full = {**values, "extra": ""}, {**values, "extra": extra}
    return [
        requirement
        for requirement in found
        if requirement.marker is None or requirement.marker.evaluate(full)
        if not extra or (requirement.marker is not None and not requirement.marker.evaluate(bare))
    ]
