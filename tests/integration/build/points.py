"""Where a build is killed: at the start, in the middle and at the end of each kind of step."""

from __future__ import annotations

from collections.abc import Mapping

from scs_build.plan.step import Kind, Step
from tests.dying import Point

# A file of the store is made first, then opened and written: of two events the second is in the middle.
WRITING = ("open", "*/tmp/blob-*")
# What each kind of step is about when it is half done.
MIDDLE: Mapping[Kind, tuple[str, str, int]] = {
    "tools": ("open", "*/tmp/tree-*", 1000),
    "scaffold": ("program", "dpkg", 1),
    "install": ("program", "dpkg", 1),
    "wheel": ("program", "cc1", 1),
    "venv": ("program", "uv", 1),
    "packages": (*WRITING, 2),
    "files": (*WRITING, 2),
    "system": (*WRITING, 2),
    "image": (*WRITING, 3),  # the configuration is there, the manifest begins
}


def start(step: Step) -> Point:
    """The step's first touch of the disk."""
    folder = step.kind not in ("packages", "files", "image")
    return Point(step.name, "os.mkdir" if folder else "open", "*/tmp/*")


def middle(step: Step) -> Point:
    """The step is half done."""
    event, path, number = MIDDLE[step.kind]
    return Point(step.name, event, path, number)


def results(step: Step) -> list[Point]:
    """Each thing that the step makes is whole and about to be put in place; its record is not there yet."""
    if step.kind in ("tools", "scaffold", "install"):
        return [Point(step.name, "os.rename", "*/trees/*")]
    made = [Point(step.name, "os.rename", "*/blobs/sha256/*")]
    return [*made, Point(step.name, "os.rename", "*/blobs/sha256/*", 2)] if step.kind == "image" else made


def ends(step: Step, results: Mapping[str, str]) -> list[Point]:
    """All is there but the record of what the step made, and then but the record of its inputs."""
    resolved = step.resolved_key({need.name: results[need.name] for need in step.needs})
    return [Point(step.name, "os.rename", f"*/steps/{key}.json") for key in (resolved, step.key)]
