"""The small catalogue of the tests of plans."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.plan.conftest import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "checkout")
