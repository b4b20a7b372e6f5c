"""Where a build is killed: at the start, in the middle and at the end of each kind of step."""

from __future__ import annotations

from collections.abc import Mapping

from scs_build.plan.step import Kind, Step
from tests.dying import Point

# A file of the store is made first, then opened and written: of two events the second is in the middle.
WRITING = ("open", "*/tmp/blob-*")
# What each kind of step is about when it is half done.
MIDDLE: Mapping[Kind, tuple[str, str, int]] = {
    "tools": ("open", "*/tmp/tree-*", 300),
    "scaffold": ("program", "dpkg", 1),
    "install": ("program", "dpkg", 1),
    "wheel": ("program", "uv", 1),
    "bytecode": ("program", "python3*", 1),
    "venv": ("program", "uv", 1),
    "packages": (*WRITING, 2),
    "files": (*WRITING, 2),
    "system": (*WRITING, 2),
    "image": (*WRITING, 3),  # the configuration is there, the manifest begins
}
TREES: tuple[Kind, ...] = ("tools", "scaffold", "install", "bytecode")


def start(step: Step) -> Point:
    """The step is about to touch the disk."""
    return Point(step.name, "make", "*/tmp/*")


def middle(step: Step) -> Point:
    """The step is half done."""
    event, path, number = MIDDLE[step.kind]
    return Point(f"{step.name}*", event, path, number)  # or in a thread that helps


def made(step: Step) -> Point:
    """What the step made is whole, and about to be put in its place."""
    return Point(step.name, "rename", "*/trees/*" if step.kind in TREES else "*/blobs/sha256/*")


def ends(step: Step, results: Mapping[str, str]) -> tuple[Point, Point]:
    """All is in place but the record of the result, and then but the record of the inputs."""
    resolved, key = keys(step, results)
    return Point(step.name, "rename", f"*/steps/{resolved}.json"), Point(
        step.name, "rename", f"*/steps/{key}.json"
    )


def keys(step: Step, results: Mapping[str, str]) -> tuple[str, str]:
    """Return the two keys of a step: from the results of the steps before it, and from all inputs."""
    return step.resolved_key({need.name: results[need.name] for need in step.needs}), step.key
