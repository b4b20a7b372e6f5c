"""The real metadata of wheels has the last word over what a lock says."""

from __future__ import annotations

from pathlib import Path

import pytest

from scs_build.build.requirements import refuse_unmet
from scs_build.build.workshop import Workshop
from scs_build.errors import LockError
from scs_build.inputs.artefact import Artefact
from scs_build.progress import Silent
from scs_build.store.store import Store
from tests.integration.locks.index import wheel
from tests.unit.plan.conftest import World


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    """A workshop for a checkout whose image `app` is locked with fast 2.0 and app 1.0."""
    graph = World(tmp_path / "checkout").graph()

    def no_engine(*_: object) -> object:
        raise AssertionError("nothing is to be run")

    return Workshop(graph, Store(tmp_path / "store"), no_engine, 1, Silent(), {})  # type: ignore[arg-type]


def built(shop: Workshop, name: str, version: str, *requires: str, **data: object) -> Artefact:
    content = wheel(name, version, *requires)
    sha256 = shop.store.add_bytes(content)
    file = f"{name}-{version}-py3-none-any.whl"
    return Artefact("wheel", name, version, sha256, len(content), data={"file": file, **data})


def test_what_a_built_wheel_requires_must_be_locked(shop: Workshop) -> None:
    step = next(step for step in shop.graph.image("app").closure().values() if step.kind == "venv")
    fine = built(shop, "fast", "2.0", "app>=1", 'old; python_version < "3.9"', 'more; extra == "x"')
    refuse_unmet(shop, step, [fine])
    wrong = built(shop, "fast", "2.0", "app>1", "missing", 'more; extra == "x"', extras=["x"])
    with pytest.raises(LockError) as error:
        refuse_unmet(shop, step, [wrong])
    assert error.value.reason.splitlines() == [
        "fast 2.0 requires app>1, locked is 1.0",
        "fast 2.0 requires missing, locked is none",
        "fast 2.0 requires more, locked is none",
    ]
    assert str(error.value.where).endswith("images/iaas/app/lock/2026.1.json")
    assert "python.requirements" in str(error.value.solution)
