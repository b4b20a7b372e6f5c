"""A Python index, and a locker that asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scs_build.inputs.artefact import Artefact
from scs_build.inputs.locking import Context, Request
from scs_build.inputs.python.locker import PythonLocker
from scs_build.locks.depot import StoreDepot
from scs_build.progress import Silent
from scs_build.recipes.component import Component
from scs_build.recipes.models import DebianChannel, Python, PythonChannel, Recipe, Series
from scs_build.recipes.site import Site
from scs_build.store.store import Store
from tests.integration.locks.index import Index, serving

SERIES = Series(
    format=1, name="2026.1", released="2026-04-01",
    debian=DebianChannel(release="testing", suites=("testing",)),
    python=PythonChannel(version="3.13", manylinux="2_41", prefix="/venv"), constraints="constraints.txt",
    components={"service": "~=2.0"},
)  # fmt: skip
MakeLocker = Callable[..., PythonLocker]


class Said(Silent):
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Index]:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # uv's cache
    with serving() as index:
        yield index


@pytest.fixture
def make_locker(tmp_path: Path, said: Said) -> MakeLocker:
    """Return a locker under constraints that asks these indices."""

    def make(*urls: str, constraints: str = "", timeout: int = 30, **components: str) -> PythonLocker:
        (tmp_path / "constraints.txt").write_text(constraints)
        site = Site(python=urls)
        depot = StoreDepot(Store(tmp_path / "store"), site, said, timeout)
        series = SERIES.model_copy(update={"components": {**SERIES.components, **components}})
        context = Context(series, tmp_path, "linux/amd64", site, tmp_path / "work", said)
        return PythonLocker(replace(context, depot=depot, timeout=timeout))

    return make


def request(*requirements: str, **fields: object) -> Request:
    python = {key: fields.pop(key) for key in ("compile", "build") if key in fields}
    recipe = Recipe(
        format=1,
        kind="container",
        description="An image for tests",
        python=Python(requirements=requirements, **python),
    )  # type: ignore[arg-type]
    return Request(Component("image", "bases", Path(), recipe, b"format: 1\n"), **fields)  # type: ignore[arg-type]


def versions(lines: list[Artefact]) -> dict[str, str]:
    return {line.id: line.version for line in lines}
