"""What a step sees of its inputs."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from scs_build.build.workshop import Workshop
from scs_build.inputs.artefact import Artefact
from scs_build.progress import Silent
from scs_build.store.store import Store


def test_a_folder_of_inputs_does_not_show_the_umask(tmp_path: Path) -> None:
    store, nothing = Store(tmp_path / "store"), Any
    sha256 = store.add_bytes(b"x")
    artefact = Artefact("deb", "x", "1", sha256, 1)
    shop = Workshop(nothing, store, nothing, 1, Silent(), {})  # type: ignore[arg-type]
    before = os.umask(0o077)
    try:
        with shop.folder({"a/x.deb": artefact}, {"list": b"x", "b/c/d": b"y"}) as folder:
            found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}
            (top,) = {found.pop(folder.name)}
    finally:
        os.umask(before)
    assert top == 0o755
    assert found == {"a": 0o755, "x.deb": 0o444, "list": 0o644, "b": 0o755, "c": 0o755, "d": 0o644}
