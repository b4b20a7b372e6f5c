"""A checkout with the canary images beside the real ones, and a store that holds their artefacts."""

from __future__ import annotations

import shutil
from pathlib import Path

from scs_build.store.store import Store
from tests.canary.artefacts import artefacts
from tests.integration.conftest import ROOT

# Two of Debian, and two of the tests: all kinds of steps among them.
IMAGES = ("debian", "memcached", "canary-plain", "canary-python")
RECIPES = Path(__file__).parent / "images"


def make_checkout(into: Path) -> Path:
    """Copy the recipes of this repository and those of the canaries into a folder; return it."""
    shutil.copytree(ROOT / "images", into / "images")
    shutil.copytree(RECIPES, into / "images/canary")
    return into


def stock(store: Store) -> None:
    """Put the artefacts of the canaries into a store: nobody serves them."""
    for data in artefacts().values():
        store.add_bytes(data)
