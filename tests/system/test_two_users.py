"""Two stores, two users who have nothing in common, all images of every series: every digest is the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scs_build.recipes.catalogue import Catalogue
from scs_build.store.store import Store
from tests.elsewhere import build_elsewhere
from tests.integration.build import parts
from tests.integration.conftest import ROOT, fetch_all, graph_of


@pytest.fixture(params=Catalogue.load(ROOT).series_names)
def series(request: pytest.FixtureRequest) -> str:
    """The name of a series."""
    return str(request.param)


@pytest.fixture
def places(store: Store) -> Iterator[tuple[Path, Path]]:
    """Two folders on the disk of the user's store, which lends them its artefacts."""
    with parts.beside(store, "here") as here, parts.beside(store, "else where, ü") as there:
        yield here, there


def test_every_digest_of_every_image_is_the_same(
    store: Store, series: str, places: tuple[Path, Path]
) -> None:
    graph = graph_of(series=series)
    names = graph.catalogue.images(graph.series)
    steps = parts.steps_of(graph, names).values()
    fetch_all(store, steps)
    here, there = (parts.copied(store, Store(folder / "store"), steps, ()) for folder in places)

    digests = parts.digests(parts.call(
        here, "build", "--offline", "--json", "-j2", "--series", series, "-o", str(places[0] / "out")
    ))  # fmt: skip
    build_elsewhere(there, places[1] / "out", names, series)

    assert digests.keys() == set(names)
    assert parts.results(there, steps) == parts.results(here, steps)
    for name in (f"{series}.json", "oci/index.json"):
        assert (places[1] / "out" / name).read_bytes() == (places[0] / "out" / name).read_bytes()
