"""Which paths belong to an engine and not to the step that runs in it."""

from __future__ import annotations

# Mounted over, or made, by one engine or the other; what a step leaves there is not its result.
ENGINE_DIRECTORIES = ("dev", "proc", "run", "sys", "tmp")
ENGINE_FILES = (".dockerenv", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf")
_BELOW = tuple(f"{path}/" for path in (*ENGINE_DIRECTORIES, *ENGINE_FILES))


def is_engine_path(path: str) -> bool:
    """Return whether `path` (no leading slash) is an engine's or lies below one that is."""
    return f"{path}/".startswith(_BELOW)
