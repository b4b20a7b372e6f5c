from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_build.errors import InputError, UnknownNameError
from scs_build.stack.compose import interpolate, mounts_of, seconds_of, tmpfs_of
from scs_build.stack.reader import find_stack, parse_compose, read_compose, start_order
from tests.unit.stack.compose_text import VALID

ROOT = Path(__file__).resolve().parents[3]


def changed(old: str, new: str) -> bytes:
    assert old in VALID
    return VALID.replace(old, new, 1).encode()


def failure(data: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        parse_compose(data, "compose.yaml")
    return caught.value


def test_a_valid_file_says_what_it_says() -> None:
    compose = parse_compose(VALID.encode(), "compose.yaml")
    store = compose.services["store"]
    assert store.image == "store"
    assert [(m.source, m.path, m.read_only) for m in mounts_of(store)] == [
        ("data", "/var/lib/store", False),
        ("./config/store.conf", "/etc/store.conf", True),
    ]
    assert tmpfs_of(store) == {"/tmp": 0o1777, "/run/store": 0o700}


def test_services_are_ordered_by_what_they_wait_for() -> None:
    compose = parse_compose(VALID.encode(), "compose.yaml")
    assert start_order(compose) == (("store",), ("setup",), ("web",))


def test_stacks_of_this_checkout_are_valid() -> None:
    for path in (ROOT / "stacks").glob("*/compose.yaml"):
        assert read_compose(path).name == path.parent.name


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("{store: {condition: service_healthy}}", "{stor: {condition: service_started}}", 16, "service stor"),
        ("service_completed_successfully", "done", 23, "`done` is not allowed"),
        ("    healthcheck: {test: [CMD, /usr/bin/ask, \"--cost=$$5\"]}\n", "", 15, "has no healthcheck"),
        ("data:/var/lib/store", "other:/var/lib/store", 5, "no volume other"),
        ("./config/store.conf:/etc/store.conf:ro", "./config/store.conf:/etc/store.conf", 5, "add `:ro`"),
        ("./config/store.conf:/etc", "./../store.conf:/etc", 5, "is not <volume>:<path>"),
        ("secrets: [password]", "secrets: [passwort]", 6, "no secret passwort"),
        ("$$5", "$5", 8, "must be written as `$$`"),
        ('PASSWORD: "${PASSWORD}"', 'PASSWORD: "${PASSWORT}"', 15, "no variable PASSWORT"),
        ('"${SERIES}"]', '"${PASSWORD}"]', 14, "would be on a command line"),
        ("[CMD, /usr", "[CMD-SHELL, /usr", 8, "images have no shell"),
        ("image: store:${SERIES}", "image: store:latest", 4, "does not name an image of the series"),
        ("read_only: true", "read_only: false", 9, "read_only"),
        ("cap_drop: [ALL]", "cap_drop: [NET_RAW]", 10, "cap_drop"),
        ("read_only: true", "privileged: true\n    read_only: true", 9, "no field `privileged`"),
        ('"/run/store:mode=0700"', '"/tmp:mode=0700"', 7, "two things are mounted at /tmp"),
        (":mode=1777", "", 7, "is not a path with a mode"),
        ("./secrets/password", "../password", 31, "file"),
        ('"/run/store:mode=0700"', '"/run/store:size=1g"', 7, "is not a path with a mode"),
        ("name: small", "name: Small", 1, "a name"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(old: str, new: str, line: int, words: str) -> None:
    error = failure(changed(old, new))
    assert words in error.reason
    assert error.where is not None
    assert (error.where.path, error.where.line) == ("compose.yaml", line)


def test_services_that_wait_for_each_other_are_an_error() -> None:
    error = failure(changed("    secrets: [password]", "    depends_on: {web: {condition: service_started}}"))
    assert "wait for each other" in error.reason
    assert error.where is not None
    assert error.where.line


def test_a_stack_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "stacks/here").mkdir(parents=True)
    (tmp_path / "stacks/here/compose.yaml").touch()
    with pytest.raises(UnknownNameError) as caught:
        find_stack(tmp_path, "there")
    assert "here" in (caught.value.solution or "")


@pytest.mark.parametrize(("text", "seconds"), [("5s", 5), ("1m30s", 90), ("250ms", 0.25), ("2m", 120)])
def test_durations(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "s", "1h", "5s1m", "-1s", "1.5s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        seconds_of(text)


def test_interpolation_replaces_names_and_keeps_dollars() -> None:
    assert interpolate("a ${B} $$${C} $$x", {"B": "1", "C": "2"}) == "a 1 $2 $x"


LINES = VALID.splitlines(keepends=True)
WORDS = st.sampled_from(["web", "[]", "{}", "0", "true", "CMD", "./x:/y", "$", "${SERIES}", "/", "é", "-1"])


@given(st.integers(0, len(LINES) - 1), st.integers(0, 60), WORDS | st.text(max_size=12))
def test_no_change_of_a_file_ends_in_a_traceback(line: int, column: int, text: str) -> None:
    lines = list(LINES)
    lines[line] = lines[line][:column] + text + lines[line][column + len(text) :]
    data = "".join(lines).encode(errors="surrogatepass")
    try:
        parse_compose(data, "compose.yaml")
    except InputError as error:
        assert error.where is not None
        assert error.where.line
