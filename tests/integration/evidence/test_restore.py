"""What a collection took from the artefacts of an image is brought back before evidence is looked for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from scs_build.build.build import Options
from scs_build.build.restore import restore
from scs_build.build.wheel import compiled_wheel
from scs_build.engines.native import NativeEngine
from scs_build.errors import StoreError
from scs_build.evidence.attribution import Attribution
from scs_build.evidence.subject import Subject
from scs_build.plan.history import result_of
from scs_build.progress import Silent
from scs_build.recipes.site import Site
from scs_build.store.store import Store
from tests.integration.build import parts
from tests.integration.conftest import graph_of
from tests.integration.evidence.images import subjects


@pytest.fixture
def other(store: Store) -> Iterator[Store]:
    """An empty store on the same disk."""
    found = Store(store.root.parent / f"{store.root.name}-restore-{os.getpid()}")
    yield found
    shutil.rmtree(found.root)


def options(mirror: Path, *, offline: bool = False) -> Options:
    site = Site(debian=(f"file://{mirror}",), debian_security=(f"file://{mirror}",))
    return Options(site, NativeEngine, jobs=2, offline=offline)


def test_artefacts_are_fetched_again(store: Store, other: Store, tmp_path: Path) -> None:
    subjects("2026.1")
    graph = graph_of()
    steps = graph.image("memcached").closure().values()
    parts.copied(store, other, steps, ["image:memcached"])
    lost = [a for name in ("debian", "memcached") for a in graph.lock(name).of_kind("deb", "image")][::3]
    for artefact in lost:
        target = tmp_path / artefact.data["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        other.blob(artefact.sha256).rename(target)
    subject = Subject.of(graph, other, "memcached")
    restore(graph, other, ["memcached"], options(tmp_path, offline=True), Silent())
    with pytest.raises(StoreError, match="is no longer in the store"):
        Attribution().run(subject)
    restore(graph, other, ["memcached"], options(tmp_path), Silent())
    assert all(other.has(artefact.sha256, artefact.size) for artefact in lost)
    assert Attribution().run(subject).findings == ()


def test_wheels_are_compiled_again(store: Store, other: Store, tmp_path: Path) -> None:
    subjects("2026.1")
    graph = graph_of()
    steps = graph.image("keystone").closure()
    gone = next(step for name, step in steps.items() if name.startswith("wheel:testresources"))
    kept = [
        name for name in steps if name != gone.name and not name.startswith(("packages", "venv", "system"))
    ]
    parts.copied(store, other, steps.values(), kept)
    restore(graph, other, ["keystone"], options(tmp_path), Silent())
    record, expected = result_of(other, gone), result_of(store, gone)
    assert record is not None and expected is not None
    assert compiled_wheel(other, gone, record) == compiled_wheel(store, gone, expected)
