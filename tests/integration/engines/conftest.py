"""A tools tree: `$SCS_BUILD_TEST_TOOLS`, else one that the default store holds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scs_build.engines.tools import ToolsTree
from scs_build.store.store import Store

NEEDED = ("usr/bin/bwrap", "usr/bin/setpriv", "usr/bin/dash", "usr/bin/perl")


def candidates() -> list[Path]:
    if named := os.environ.get("SCS_BUILD_TEST_TOOLS"):
        return [Path(named)]
    return sorted(Store.default().trees.glob("*"))


@pytest.fixture(scope="session")
def tools() -> ToolsTree:
    if os.geteuid() != 0:
        pytest.skip("the native engine needs root")
    for path in candidates():
        if all((path / program).exists() for program in NEEDED):
            return ToolsTree(path)
    pytest.skip("no tools tree: set SCS_BUILD_TEST_TOOLS, or build an image once")
