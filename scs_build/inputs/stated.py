"""What a recipe states of a file or tree that it names under `inputs`, as its lock line repeats it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scs_build.inputs.artefact import Artefact
    from scs_build.recipes.models import Artifact


def is_locked_as(line: Artefact, item: Artifact) -> bool:
    """Tell whether a lock line is of the place, the version and the path that the recipe states."""
    said = {key: value for key, value in line.data.items() if key != "commit"}
    return (line.kind, line.version, said) == (item.type, item.version, stated(item))


def stated(item: Artifact) -> dict[str, Any]:
    """Return what a lock line says beside name, version and hash."""
    data: dict[str, Any] = {"url": item.url.replace("{version}", item.version), "path": item.path}
    data["unpack"] = item.unpack
    if item.strip:
        data["strip"] = item.strip
    if not item.unpack and item.mode != "0644":
        data["mode"] = item.mode
    return data
