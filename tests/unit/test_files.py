"""Folders that take the place of others, while somebody looks."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from scs_build import files
from scs_build.files import put_folder


def folder(path: Path, text: str) -> Path:
    path.mkdir(parents=True)
    (path / "head").write_text(text)
    return path


@pytest.mark.parametrize("able", [True, False])
def test_a_folder_takes_the_place_of_another_and_nothing_is_left(
    tmp_path: Path, able: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not able:
        monkeypatch.setattr(files, "_exchanged", lambda *_: False)
    place = tmp_path / "over"
    for text in ("first", "second"):
        put_folder(folder(tmp_path / ".over.part", text), place)
        assert (place / "head").read_text() == text
        assert [path.name for path in tmp_path.iterdir()] == ["over"]


def test_an_empty_folder_gives_way(tmp_path: Path) -> None:
    (tmp_path / "over").mkdir()
    put_folder(folder(tmp_path / "part", "new"), tmp_path / "over")
    assert (tmp_path / "over/head").read_text() == "new"


def test_whoever_looks_finds_one_of_them_at_every_moment(tmp_path: Path) -> None:
    """The very calls of the system, as a kill could come between any two of them."""
    place, done, lost = folder(tmp_path / "over", "0"), threading.Event(), []

    def look() -> None:
        while not done.is_set():
            if not place.exists():
                lost.append(place)

    watcher = threading.Thread(target=look)
    watcher.start()
    for number in range(300):
        put_folder(folder(tmp_path / f"part{number}", str(number)), place)
    done.set()
    watcher.join()
    assert lost == []


def test_a_failure_that_is_none_of_these_is_told(tmp_path: Path) -> None:
    (tmp_path / "over").mkdir()
    with pytest.raises(FileNotFoundError, match="over"):
        put_folder(tmp_path / "not-there", tmp_path / "over")
