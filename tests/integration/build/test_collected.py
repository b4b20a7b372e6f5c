"""A store that lost everything gives the same images again."""

from __future__ import annotations

import json
from pathlib import Path

from scs_build.plan.step import Step
from scs_build.store.store import Store
from tests.canary.checkout import IMAGES
from tests.integration.build import parts


def test_a_second_store_gives_the_same_digests_after_a_collection_of_everything(
    canaries: Store, canary_root: Path, canary_steps: dict[str, Step], tmp_path: Path
) -> None:
    """Every kind of step, made twice from nothing but artefacts: before the collection and after it."""
    expected = parts.results(canaries, canary_steps.values())
    with parts.beside(canaries, "collected") as folder:
        other = Store(folder / "store")
        for turn in ("before", "after"):
            parts.copied(canaries, other, canary_steps.values(), ())
            made = parts.build(other, tmp_path / turn, *IMAGES, root=canary_root)
            assert parts.digests(made) == {name: expected[f"image:{name}"] for name in IMAGES}
            assert parts.results(other, canary_steps.values()) == expected
            gone = parts.call(other, "store", "gc", "--all", "--json", root=canary_root)
            assert gone.returncode == 0, gone.stderr
            assert json.loads(gone.stdout)["in_use"] == 0
            assert not [step.name for step in canary_steps.values() if other.record(step.key)]
            assert not [path for path in (other.root / "blobs").rglob("*") if path.is_file()]
        index = Path("oci/index.json")
        assert (tmp_path / "after" / index).read_bytes() == (tmp_path / "before" / index).read_bytes()
