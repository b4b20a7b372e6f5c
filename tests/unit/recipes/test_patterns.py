from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_build.recipes.patterns import Matcher, may_match_below

PARTS = st.text(alphabet="ab.+", min_size=1, max_size=3).filter(lambda part: part not in (".", ".."))


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/etc/passwd", "etc/passwd", True),
        ("etc/passwd", "etc/passwd", True),
        ("/etc/passwd", "etc/passwd-", False),
        ("/etc/passwd", "x/etc/passwd", False),
        ("/etc/*.conf", "etc/a.conf", True),
        ("/etc/*.conf", "etc/.conf", True),
        ("/etc/*.conf", "etc/a/b.conf", False),
        ("/etc/*.conf", "etc/aXconf", False),
        ("/etc/**", "etc/a/b", True),
        ("/etc/**", "etc", False),
        ("/usr/**/*.pyc", "usr/a.pyc", True),
        ("/usr/**/*.pyc", "usr/a/b/c.pyc", True),
        ("/usr/**/*.pyc", "usr/a/b/c.py", False),
        ("/usr/lib/python3*/**/*.pyc", "usr/lib/python3.13/x.pyc", True),
        ("/a/**/**/b", "a/b", True),
        ("/a/**/**", "a/b", True),
        ("/**", "anything/at/all", True),
        ("/etc/{a,b.*}", "etc/b.conf", True),
        ("/etc/{a,b.*}", "etc/c", False),
        ("/etc/a(b)+", "etc/a(b)+", True),
        ("/etc/*", "etc/new\nline", True),
    ],
)
def test_a_pattern_matches_whole_paths(pattern: str, path: str, matches: bool) -> None:
    assert (Matcher([pattern]).first(path) == 0) is matches


def test_the_first_of_several_patterns_is_told() -> None:
    matcher = Matcher(["/etc/{a,b}", "/etc/**", "/usr/*"])
    assert [matcher.first(path) for path in ("etc/b", "etc/c/d", "usr/x", "var")] == [0, 1, 2, None]


def test_without_patterns_nothing_matches() -> None:
    assert Matcher([]).first("") is None


@pytest.mark.parametrize(
    "pattern",
    ["", "/", "a//b", "a/", "a/../b", "./a", "a**", "/etc/a**b", "a{b", "a}b", "{a,{b,c}}", "{a/b}"],
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="is not a path pattern"):
        Matcher([pattern])


@given(st.lists(PARTS, min_size=1, max_size=4), st.lists(PARTS, min_size=1, max_size=4))
def test_a_path_as_a_pattern_matches_itself_only(path: list[str], other: list[str]) -> None:
    matcher = Matcher(["/" + "/".join(path)])
    assert matcher.first("/".join(path)) == 0
    assert (matcher.first("/".join(other)) == 0) is (path == other)


@given(st.text(alphabet="ab*", min_size=1, max_size=6).filter(lambda text: "**" not in text), PARTS)
def test_a_star_within_a_name_is_that_of_the_shell(pattern: str, name: str) -> None:
    assert (Matcher([pattern]).first(name) == 0) is fnmatchcase(name, pattern)


@pytest.mark.parametrize(
    ("pattern", "below"),
    [
        ("/opt/venv/**", True),
        ("/opt/venv/bin/*", True),
        ("/opt/*/bin", True),
        ("/{opt,srv}/venv/x", True),
        ("/**/*.pyc", True),
        ("/opt/**", True),
        ("/opt/venv", False),
        ("/opt", False),
        ("/etc/**", False),
        ("/opt/venv2/**", False),
        ("/*/bin/**", False),
    ],
)
def test_whether_a_pattern_can_match_below_a_folder(pattern: str, below: bool) -> None:
    assert may_match_below(pattern, "/opt/venv") is below


PATTERNS = st.lists(st.one_of(PARTS, st.sampled_from(["*", "**", "a*", "{a,b}"])), min_size=1, max_size=5)


@given(PATTERNS, st.lists(PARTS, min_size=1, max_size=5), st.integers(1, 5))
def test_what_matches_below_a_folder_can(pattern: list[str], path: list[str], length: int) -> None:
    if Matcher(["/".join(pattern)]).first("/".join(path)) is not None and length < len(path):
        assert may_match_below("/".join(pattern), "/".join(path[:length]))


def test_what_ever_matched_is_told() -> None:
    matcher = Matcher(["/etc/{a,b}", "/etc/**", "/usr/*"])
    for path in ("etc/b", "usr/x", "var"):
        matcher.first(path)
    assert matcher.matched == {0, 2}
