"""Zuul's configuration of this checkout, read by Zuul once; how much more than needed its jobs build."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

from scs_build.zuul.configuration import Configuration
from scs_build.zuul.deployment import EXAMPLE, Deployment
from scs_build.zuul.offline import load

ROOT = Path(__file__).resolve().parents[2]
EXCESS = pytest.StashKey["Excess"]()


@dataclass
class Excess:
    """Over all changes that were tried: images affected, images built, in each series."""

    changes: int = 0
    affected: int = 0
    built: int = 0

    def count(self, affected: Collection[str], built: Collection[str]) -> None:
        self.changes += 1
        self.affected += len(affected)
        self.built += len(built)


@pytest.fixture(scope="session")
def configuration() -> Configuration:
    return load(Deployment(ROOT / EXAMPLE, ROOT, "scs-build"))


@pytest.fixture(scope="session")
def excess(pytestconfig: pytest.Config) -> Excess:
    return pytestconfig.stash.setdefault(EXCESS, Excess())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    found = config.stash.get(EXCESS, Excess())
    if found.affected:
        terminalreporter.write_line(
            f"{found.changes} changes affect {found.affected} images; Zuul builds {found.built}:"
            f" {found.built / found.affected:.2f} times as many"
        )
