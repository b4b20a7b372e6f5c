"""What was moved is counted once, however often one hears of it."""

from __future__ import annotations

from pathlib import Path

from scs_build.oci.registry.images import Parts
from scs_build.oci.registry.meter import Meter, watched
from scs_build.progress import SilentTask

PARTS = Parts("m", "c", {"m": 1, "c": 10, "layer": 100})


class Sum(SilentTask):
    def __init__(self) -> None:
        self.done = 0

    def advance(self, amount: int = 1) -> None:
        self.done += amount


def test_a_blob_counts_once_and_the_rest_was_there() -> None:
    task = Sum()
    meter = Meter(PARTS, task)
    for digest, moved in (("layer", False), ("layer", True), ("layer", True), ("another", True)):
        meter.heard(digest, moved)
    assert task.done == 100
    meter.finish()
    assert (meter.moved, meter.skipped, task.done) == (100, 11, 111)


def test_what_appears_in_a_folder_is_told_but_not_what_was_elsewhere_before(tmp_path: Path) -> None:
    task = Sum()
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "before").write_bytes(bytes(1000))
    with watched(folder, task):
        (folder / "link").hardlink_to(tmp_path / "before")
        (folder / "new").write_bytes(bytes(70))
    assert task.done == 70
