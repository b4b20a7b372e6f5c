"""A second store, emptied by `store gc --all`, gives every image of every series again with its digest."""

from __future__ import annotations

from pathlib import Path

import pytest

from scs_build.recipes.catalogue import Catalogue
from scs_build.store.store import Store
from tests.integration.build import parts
from tests.integration.conftest import ROOT, fetch_all, graph_of


@pytest.mark.parametrize("series", Catalogue.load(ROOT).series_names)
def test_every_digest_is_the_same_after_a_collection_of_everything(
    store: Store, series: str, tmp_path: Path
) -> None:
    graph = graph_of(series=series)
    names = graph.catalogue.images(graph.series)
    steps = parts.steps_of(graph, names).values()
    fetch_all(store, steps)
    made = []
    with parts.beside(store, "collected") as folder:
        other = Store(folder / "store")
        for turn in ("before", "after"):
            parts.copied(store, other, steps, ())
            args = ("--offline", "--json", "-j2", "--series", series, "-o", str(tmp_path / turn))
            digests = parts.digests(parts.call(other, "build", *args))
            assert digests.keys() == set(names)
            made.append(parts.results(other, steps))
            assert parts.call(other, "store", "gc", "--all").returncode == 0
            assert not [step.name for step in steps if other.record(step.key)]
            assert not [path for path in (other.root / "blobs").rglob("*") if path.is_file()]
    assert made[0] == made[1]
    for name in (f"{series}.json", "oci/index.json"):
        assert (tmp_path / "after" / name).read_bytes() == (tmp_path / "before" / name).read_bytes()
