"""The real images of both series, built from the committed locks, as subjects."""

from __future__ import annotations

from functools import cache

from scs_build.build.build import Options, build
from scs_build.engines.native import NativeEngine
from scs_build.evidence.subject import Subject
from scs_build.progress import Silent
from scs_build.recipes.site import load_site
from scs_build.store.store import Store
from tests.integration.conftest import ROOT, graph_of

SERIES = ("2025.1", "2026.1")
NAMES = ("debian", "python", "keystone", "mariadb", "memcached")
ALL = [(series, name) for series in SERIES for name in NAMES]


@cache
def subjects(series: str) -> dict[str, Subject]:
    """Return the images of a series by name, built where they are not there yet."""
    graph, store = graph_of(ROOT, series), Store.default()
    result = build(graph, store, NAMES, Options(load_site(), NativeEngine, jobs=2), Silent())
    assert not result.failures
    return {name: Subject.of(graph, store, name, 2) for name in NAMES}
