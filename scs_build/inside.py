"""Paths inside a root folder: symbolic links are followed as if the folder were the root, never out of it."""

from __future__ import annotations

from collections.abc import Callable

from scs_build.errors import ResultError

# What the kernel allows on one path.
_MAX_LINKS = 40


def resolve(path: str, link_at: Callable[[str], str | None]) -> str:
    """Return `path` (relative to the root, no leading slash) with every symbolic link in it followed.

    `link_at(path)` returns the target of the link at a path that is itself free of links, or None when
    there is no link. `..` at the root stays at the root. Raises `ResultError` for a loop.
    """
    todo = path.split("/")[::-1]
    done: list[str] = []
    links = 0
    while todo:
        part = todo.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if done:
                done.pop()
            continue
        done.append(part)
        target = link_at("/".join(done))
        if target is None:
            continue
        links += 1
        if links > _MAX_LINKS:
            raise ResultError(f"/{path}: too many symbolic links")
        done = [] if target.startswith("/") else done[:-1]
        todo += target.split("/")[::-1]
    return "/".join(done)
