"""Canary digests: equal inputs must give the bytes that they gave when this file was last written.

Usage: `python -m tests.canary` builds the canary images and writes their keys and digests down. It
refuses where a key stayed and the digest did not: then a change of code changed bytes, and the format
version of the step (`FORMATS` in scs_build/plan/step.py) must be raised first.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from scs_build.store.store import Store
from tests.integration.build import parts
from tests.integration.conftest import build_images, graph_of

PATH = Path(__file__).parent / "integration/build/canary.json"
IMAGES = ("debian", "memcached")
SILENT = "bytes of {} changed without a new format version: raise that of the step in scs_build/plan/step.py"
AGAIN = "its inputs changed: run `python -m tests.canary` and commit {}"

Canary = dict[str, dict[str, str]]


def found(store: Store) -> Canary:
    """Return key and digest of each canary image, built in `store` where they are not there."""
    result = build_images(store, IMAGES)
    assert not result.failures, result.failures
    return {image.name: {"key": image.key, "digest": image.digest} for image in result.images}


def changed_silently(before: Canary, now: Canary) -> list[str]:
    """Return the images whose key is the same and whose digest is not."""
    same = [name for name in IMAGES if before.get(name, {}).get("key") == now[name]["key"]]
    return [name for name in same if before[name]["digest"] != now[name]["digest"]]


def main() -> int:
    """Write the canary file; return 1 when bytes changed without a new format version."""
    before = json.loads(PATH.read_text()) if PATH.exists() else {}
    store = Store.default()
    steps = parts.steps_of(graph_of(), IMAGES).values()
    found(store)  # what is missing is fetched; what was built is not believed
    with TemporaryDirectory(dir=store.root.parent) as folder:
        now = found(parts.copied(store, Store(Path(folder)), steps, ()))
    if wrong := changed_silently(before, now):
        sys.stderr.write(SILENT.format(", ".join(wrong)) + "\n")
        return 1
    PATH.write_text(json.dumps(now, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
