"""Removing trees as builds leave them: read-only folders, overlay's work folders, device nodes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def remove(path: Path) -> None:
    """Remove a file, a link or a whole tree; nothing happens when it is not there."""
    while True:
        try:
            if path.is_symlink() or not path.is_dir():
                path.unlink()
            else:
                _remove_tree(path)
        except FileNotFoundError:
            # All of it is gone, or somebody removes the same tree: go on with what is left.
            if not os.path.lexists(path):
                return
        else:
            return


def _remove_tree(path: Path) -> None:
    try:
        shutil.rmtree(path)
    except PermissionError:
        open_up(path)
        shutil.rmtree(path)


def open_up(path: Path) -> None:
    """Give the owner all rights on every folder of the tree (overlay makes its work folder 0000)."""
    path.chmod(0o700)
    for folder, names, _ in os.walk(path):
        for name in names:
            child = Path(folder, name)
            if not child.is_symlink():
                child.chmod(0o700)
