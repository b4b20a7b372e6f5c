"""How much room things take, in bytes as a file system with 4 KiB blocks counts them."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

BLOCK = 4096


@dataclass(frozen=True)
class Usage:
    """Bytes on the disk per part of a store, and the number of blobs, trees and records."""

    blobs: int
    trees: int
    steps: int
    tmp: int
    count: int

    @property
    def total(self) -> int:
        """All bytes together."""
        return self.blobs + self.trees + self.steps + self.tmp

    def __str__(self) -> str:
        parts = {"blobs": self.blobs, "trees": self.trees, "records": self.steps, "unfinished": self.tmp}
        return ", ".join(f"{name} {human(size)}" for name, size in parts.items())


def human(size: int) -> str:
    """Return a number of bytes for people: `1.5 GiB`."""
    value, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def measure(path: Path) -> int:
    """Return the bytes that a file or a whole tree takes; hard links count once, what vanishes not at all."""
    seen: set[tuple[int, int]] = set()

    def cost(stat: os.stat_result) -> int:
        if stat.st_nlink > 1:
            if (stat.st_dev, stat.st_ino) in seen:
                return 0
            seen.add((stat.st_dev, stat.st_ino))
        return -(-stat.st_size // BLOCK) * BLOCK

    total = 0
    folders = [path]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                total += BLOCK
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
                    else:
                        total += cost(entry.stat(follow_symlinks=False))
        except NotADirectoryError:
            with suppress(FileNotFoundError):
                total += cost(folder.lstat())
        except (FileNotFoundError, PermissionError):
            continue
    return total


def free_space(path: Path) -> int:
    """Return the bytes free for us on the disk where `path` is, or will be."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free
