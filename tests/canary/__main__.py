"""`python -m tests.canary` builds the canary images and writes down what they gave.

It refuses where the key of a step stayed and its result did not: then a change of code changed bytes, and the
format version of that kind of step (`FORMATS` in scs_build/plan/step.py) must be raised first.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from scs_build.store.store import Store
from tests.canary import known
from tests.canary.checkout import IMAGES, make_checkout, stock
from tests.integration.build import parts
from tests.integration.conftest import build_images, graph_of


def main() -> int:
    """Write the canary file; return 1 when bytes changed without a new format version."""
    store = Store.default()
    stock(store)
    with TemporaryDirectory(dir=store.root.parent) as folder:
        root = make_checkout(Path(folder))
        steps = parts.steps_of(graph_of(root), IMAGES).values()
        build_images(store, IMAGES, root)  # what is missing is fetched; what was built is not believed
        fresh = parts.copied(store, Store(Path(folder, "store")), steps, ())
        made = build_images(fresh, IMAGES, root, offline=True)
        assert not made.failures, made.failures
        now = known.found(fresh, steps)
    before = known.known() if known.PATH.exists() else {}
    if wrong := known.changed_silently(before, now):
        sys.stderr.write(f"{', '.join(wrong)}: {known.complaint(wrong, now)}\n")
        return 1
    known.PATH.write_text(json.dumps(now, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
