"""A way to call the command line as a person does, and what it said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from scs_build.cli.main import main


@dataclass(frozen=True)
class Said:
    status: int
    stdout: str
    stderr: str


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Said]:
    """Call `scs-build` with its own empty store and no configuration of this machine."""
    monkeypatch.setenv("SCS_BUILD_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("SCS_BUILD_SITE", "SCS_BUILD_JSON", "SCS_BUILD_ROOT", "SCS_BUILD_SERIES"):
        monkeypatch.delenv(name, raising=False)

    def run(*args: str) -> Said:
        status = main(args)
        return Said(status, *capsys.readouterr())

    return run
