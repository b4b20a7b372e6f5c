"""Patches: what a header must say, what a diff may hold, and that it is applied exactly or not at all."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_build.errors import RecipeError
from scs_build.recipes.component import Component
from scs_build.recipes.models import Recipe
from scs_build.recipes.patches.diff import apply, read_diff
from scs_build.recipes.patches.header import read_header
from scs_build.recipes.patches.patch import Patch, check_patches, patches_of

HEAD = """\
Description: mends the word
 in two lines
Bug: https://bugs.example.org/1
CVE: CVE-2026-12345, CVE-2026-99999
Forwarded: no, the project is archived
Merged-In: 2.0
"""
DIFF = "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n"
RECIPE = Recipe(format=1, kind="container", description="a thing")
FOLDER = "patches/2026.1/fast"


def component(folder: Path, patches: dict[str, str]) -> Component:
    for name, text in patches.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Component("app", "iaas", folder, RECIPE, b"")


def read(folder: Path, patches: dict[str, str]) -> tuple[Patch, ...]:
    return patches_of(component(folder, patches), "2026.1", ("2025.1", "2026.1"))


def test_a_patch_says_what_it_is(tmp_path: Path) -> None:
    (patch,) = read(tmp_path, {f"{FOLDER}/0001-word.patch": f"{HEAD}\n{DIFF}"})
    assert (patch.target, patch.name) == ("fast", "0001-word")
    said = patch.to_json()
    assert said["description"] == "mends the word in two lines"
    assert said["cve"] == ["CVE-2026-12345", "CVE-2026-99999"]
    assert (said["upstream"], said["forwarded"]) == ("", "no, the project is archived")
    assert apply(patch.diffs, {"x": b"one\ntwo\nrest\n"}, patch.shown) == {"x": b"one\nthree\nrest\n"}


def test_patches_come_in_the_order_of_their_names_and_of_one_series(tmp_path: Path) -> None:
    text = f"{HEAD}\n{DIFF}"
    names = ("fast/0002-b", "fast/0001-z", "app/0009-c")
    files = {f"patches/2026.1/{name}.patch": text for name in names}
    found = read(tmp_path, {**files, "patches/2025.1/fast/0001-old.patch": text})
    assert [f"{patch.target}/{patch.name}" for patch in found] == ["app/0009-c", "fast/0001-z", "fast/0002-b"]
    assert read(tmp_path / "none", {}) == ()


@pytest.mark.parametrize(
    ("change", "line", "reason"),
    [
        (("Description: mends the word\n in two lines\n", ""), 1, "no Description"),
        (("Bug: https://bugs.example.org/1\nCVE: CVE-2026-12345, CVE-2026-99999\n", ""), 1, "no Bug or CVE"),
        (("Forwarded: no, the project is archived\n", ""), 1, "no Upstream or Forwarded"),
        (("Merged-In: 2.0\n", ""), 1, "no Merged-In"),
        (("Forwarded: no, the project is archived", "Forwarded: no"), 5, "Forwarded must be"),
        (("CVE-2026-99999", "2026-99999"), 4, "CVE must be"),
        (("https://bugs", "bugs"), 3, "Bug must be"),
        (("Merged-In: 2.0", "Merged-In: soon or later"), 6, "Merged-In must be"),
        (("Bug:", "Bugs:"), 3, "is no field of a header"),
        (("Bug: https://bugs.example.org/1", "Merged-In: 1"), 6, "Merged-In is there twice"),
    ],
)
def test_a_header_that_does_not_say_it_is_an_error_at_its_line(
    change: tuple[str, str], line: int, reason: str
) -> None:
    assert change[0] in HEAD
    with pytest.raises(RecipeError, match=reason) as caught:
        read_header(HEAD.replace(*change).split("\n"), "x.patch")
    assert str(caught.value.where) == f"x.patch:{line}"
    assert caught.value.solution or "must be" in reason or "twice" in reason


@pytest.mark.parametrize(
    ("name", "text", "place", "reason"),
    [
        (f"{FOLDER}/word.patch", DIFF, "", "is named like 0001-"),
        ("patches/2026.1/0001-word.patch", DIFF, "", "lies in patches/<series>/"),
        ("patches/2027.1/fast/0001-word.patch", DIFF, "patches/2027.1", "no such series"),
        (f"{FOLDER}/0001-x.patch", "", ":8", "no diff"),
        (f"{FOLDER}/0001-x.patch", DIFF.replace("+1,2", "+1,3"), ":14", "before it has the lines"),
        (f"{FOLDER}/0001-x.patch", DIFF.replace("b/x", "b/y"), ":8", "cannot rename"),
        (f"{FOLDER}/0001-x.patch", DIFF.replace("a/x", "a/../x"), ":8", "is not a path"),
        (f"{FOLDER}/0001-x.patch", "GIT binary patch\n", ":8", "no part of a diff of texts"),
        (f"{FOLDER}/0001-x.patch", "old mode 100644\nnew mode 100755\n", ":8", "no part of a diff of texts"),
    ],
)
def test_what_is_no_patch_is_an_error_at_its_place(
    tmp_path: Path, name: str, text: str, place: str, reason: str
) -> None:
    with pytest.raises(RecipeError, match=reason) as caught:
        read(tmp_path, {name: f"{HEAD}\n{text}"})
    shown = place if place.startswith("patches") else f"{name}{place}"
    assert str(caught.value.where) == f"images/iaas/app/{shown}"


@pytest.mark.parametrize(
    ("versions", "reason"),
    [
        ({"fast": "2.0"}, "locked to 2.0, which has the change since 2.0"),
        ({"fast": "10.1"}, "locked to 10.1, which has the change"),
        ({"fasd": "1.0"}, "builds nothing from the sources of `fast`"),
    ],
)
def test_a_patch_that_nothing_needs_is_an_error(
    tmp_path: Path, versions: dict[str, str], reason: str
) -> None:
    patches = read(tmp_path, {f"{FOLDER}/0001-word.patch": f"{HEAD}\n{DIFF}"})
    with pytest.raises(RecipeError, match=reason) as caught:
        check_patches(component(tmp_path, {}), patches, versions)
    assert caught.value.solution
    if "fasd" in versions:
        assert "did you mean `fasd`?" in caught.value.solution
        assert "python.compile" in caught.value.solution
    check_patches(component(tmp_path, {}), patches, {"fast": "1.9"})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"one\nthree\n", "is in what it would be applied to already: hunk 1 of x"),
        (b"zero\none\ntwo\n", "hunk 1 of x does not apply: its lines are not at line 1"),
        (b"one\ntwo", "hunk 1 of x does not apply"),
        (None, "there is no file x"),
    ],
)
def test_nothing_is_moved_or_guessed(content: bytes | None, reason: str) -> None:
    contents = {} if content is None else {"x": content}
    with pytest.raises(RecipeError, match=reason):
        apply(read_diff(DIFF.encode(), 0, "x.patch"), contents, "x.patch")


LINES = st.lists(
    st.sampled_from(["a\n", "b\n", "", "-- x\n", "++ y\n", "@@\n", "\\ z\n", " \r\n"]), max_size=12
)


@given(old=LINES, new=LINES, end=st.booleans(), context=st.integers(0, 3))
def test_what_difflib_writes_is_applied_exactly_and_once(
    old: list[str], new: list[str], end: bool, context: int
) -> None:
    before, after = ([line for line in side if line] for side in (old, new))
    if end and after:
        after = [*after[:-1], after[-1].rstrip("\n")] if after[-1].rstrip("\n") else after
    # A side without lines is an empty file here; what stands for no file is tried above.
    text = "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        for line in difflib.unified_diff(before, after, "a/x", "b/x", n=context)
    )
    if not text:
        return
    diffs = read_diff(text.encode(), 0, "x.patch")
    content = {"x": "".join(before).encode()}
    assert apply(diffs, content, "x.patch") == {"x": "".join(after).encode()}
