"""Numbers and tables as people read them."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_build.cli.output import amount, seconds, size, table, write_output
from scs_build.cli.plan import plan_text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0.0 MB"),
        (1, "< 0.1 MB"),
        (12_345_678, "12.3 MB"),
        (1_234_567_890, "1 234.6 MB"),
        (57_249_900_000, "57.2 GB"),
    ],
)
def test_sizes_are_megabytes_with_one_decimal(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("duration", "text"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"), (125.2, "2 min 05 s")]
)
def test_durations(duration: float, text: str) -> None:
    assert seconds(duration) == text


def test_amounts_are_counted_in_their_unit() -> None:
    assert amount(3, "files") == "3 files"
    assert amount(3, "") == "3"
    assert amount(3_000_000, "bytes") == "3.0 MB"


def test_columns_are_aligned_and_lines_end_without_blanks() -> None:
    assert table(("name", "size"), [("a", 1), ("keystone", 1000)], right={1}) == (
        "name      size\na            1\nkeystone  1000"
    )
    assert table((), [("a", ""), ("bcd", "")]) == "a\nbcd"
    assert table(("name",), []) == ""


words = st.text("abc", min_size=1, max_size=9)


@given(st.lists(st.tuples(words, words), min_size=1))
def test_the_second_column_starts_at_one_place(rows: list[tuple[str, str]]) -> None:
    lines = table((), rows).splitlines()
    width = max(len(first) for first, _ in rows) + 2
    assert [(line[:width].strip(), line[width:]) for line in lines] == rows


def test_a_file_is_written_through_links_and_into_devices(tmp_path: Path) -> None:
    """As root, a device would else become a file."""
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    write_output(link, b"one")
    assert link.is_symlink() and target.read_bytes() == b"one"
    write_output(Path(os.devnull), b"two")
    assert Path(os.devnull).is_char_device()
    for place in (Path("/proc/none/file"), target / "file", tmp_path):
        with pytest.raises(click.BadParameter):
            write_output(place, b"three")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "target"]


def test_a_plan_says_what_it_comes_to() -> None:
    steps = [{"name": "files:app"}, {"name": "image:app"}]
    there = {"name": "base", "origin": [], "action": "none", "steps": [], "reasons": []}
    change = {"name": "app", "origin": [], "action": "build", "steps": steps, "reasons": ["a", "b"]}
    assert plan_text([there, change]).endswith("\n\n1 of 2 to build, in 2 steps")
    assert plan_text([there]).endswith("\n\nnothing to build: all is there")
