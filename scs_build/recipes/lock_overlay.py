"""The form of a lock overlay on disk: a layer that holds a head and locks of one series, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from scs_build.errors import Location, LockError
from scs_build.files import write_whole
from scs_build.recipes.models import LockOverlay

HEAD = "layer.yaml"
# What images carry in a label, in their key and in the manifest when such locks made them.
NAME = "lock-overlay"
VENDOR = "not the pinned release"
AGAIN = "make it again with `scs-build lock --missing --into DIR`"


def write_head(folder: Path, overlay: LockOverlay) -> None:
    """Write the head of an overlay; what is not listed in it is not believed."""
    lines = [f"    {json.dumps(image)}: {json.dumps(digest)}" for image, digest in overlay.replaces.items()]
    text = (
        f"format: 1\nname: {NAME}\nvendor: {VENDOR}\nlock_overlay:\n  series: {json.dumps(overlay.series)}\n"
    )
    text += "\n".join(["  replaces:", *lines]) if lines else "  replaces: {}"
    write_whole(folder / HEAD, f"{text}\n".encode())


def is_overlay(folder: Path) -> bool:
    """Tell whether a folder is an overlay, a damaged one too: nothing else in it was made by a person."""
    head = folder / HEAD
    return head.is_file() and "\nlock_overlay:" in head.read_text(encoding="utf-8", errors="replace")


def check_files(folder: Path, overlay: LockOverlay) -> None:
    """Raise `LockError` unless an overlay holds the locks that its head lists, and nothing else."""
    head = Location(str(folder / HEAD))
    images = set()
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_dir() or inside == Path(HEAD):
            continue
        fits = len(inside.parts) == 5 and inside.match(f"images/*/*/lock/{overlay.series}.json")
        image = inside.parts[2] if fits else None
        if image is None or image not in overlay.replaces:
            raise LockError(f"{HEAD} does not list this file", where=Location(str(path)), solution=AGAIN)
        images.add(image)
    if lost := sorted(overlay.replaces.keys() - images):
        raise LockError(f"the lock of {lost[0]} is listed and not there", where=head, solution=AGAIN)
