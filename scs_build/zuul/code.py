"""Which code a build runs through, told by what its modules import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


@cache
def rooms_of(start: str) -> tuple[str, ...]:
    """Return the rooms (folders, and modules such as `run.py`) that a room imports, and itself; sorted."""
    found: set[str] = set()
    todo = [start]
    while todo:
        room = todo.pop()
        if room not in found:
            found.add(room)
            todo += [name for file in _files(room) for name in _imported(ast.parse(file.read_bytes()))]
    return tuple(sorted(name if (PACKAGE / name).is_dir() else f"{name}.py" for name in found))


def _files(room: str) -> list[Path]:
    folder = PACKAGE / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def _imported(module: ast.Module) -> Iterator[str]:
    """Yield the room of every import of this package, wherever in the module it stands."""
    for node in ast.walk(module):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for package, *rest in (name.split(".") for name in names):
            # What is not a room is a name of the package itself, such as its version.
            if package == PACKAGE.name and rest and _files(rest[0])[0].exists():
                yield rest[0]
