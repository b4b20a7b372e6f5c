from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_build.errors import FormatError, InputError, Location, RecipeError
from scs_build.recipes.document import MAX_BYTES, MAX_DEPTH
from scs_build.recipes.loader import load, locate, parse
from scs_build.recipes.models import Model, Recipe

HEAD = "format: 1\nkind: container\ndescription: a thing\n"
VALID = (
    HEAD
    + """\
parent: debian
debian:
  packages: [libc6, "tzdata"]
  without:
    mawk: only maintainer scripts need it
files:
  - {source: a.conf, path: /etc/a.conf, mode: "0600"}
users:
  scs: {uid: 42400}
services:
  web:
    command: [/usr/bin/web, --port, "80"]
    ports: [80]
    health: {tcp: true}
"""
)


def recipe(text: str) -> Recipe:
    return parse(text.encode(), Recipe, "recipe.yaml")


def failure(text: str | bytes) -> RecipeError:
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(RecipeError) as caught:
        parse(data, Recipe, "recipe.yaml")
    return caught.value


def test_a_valid_recipe_becomes_typed_values() -> None:
    found = recipe(VALID)
    assert found.debian.packages == ("libc6", "tzdata")
    assert found.files[0].mode == "0600"
    assert found.services["web"].ports == (80,)
    assert found.services["web"].health is not None
    assert found.services["web"].health.tcp is True


@pytest.mark.parametrize(
    ("value", "words", "solution"),
    [
        ("2026.10", "number with a fraction", '"2026.10"'),
        ("1e3", "number or a boolean", '"1e3"'),
        ("0644", "number in another notation", '"0644"'),
        ("0x1f", "number in another notation", '"0x1f"'),
        ("12:30:00", "number in another notation", '"12:30:00"'),
        ("2026-04-01", "a date", '"2026-04-01"'),
        (".inf", "number with a fraction", '".inf"'),
        ("yes", "boolean", "write true"),
        ("Off", "boolean", "write false"),
        ("True", "boolean", "write true"),
        ("n", "boolean", '"n"'),
        ("~", "value is missing", "leave the field out"),
        ("null", "value is missing", "leave the field out"),
        ("", "value is missing", "leave the field out"),
        ("&a x", "anchor &a", "write every value out"),
        ("!!str x", "tag tag:yaml.org,2002:str", "without it"),
        ('"a\\x00b"', "control character U+0000", "leave it out"),
    ],
)
def test_words_that_readers_understand_differently_are_errors(value: str, words: str, solution: str) -> None:
    error = failure(f"format: 1\nkind: container\ndescription: {value}\n")
    assert words in error.reason
    assert error.solution is not None
    assert solution in error.solution
    assert error.where is not None
    assert (error.where.path, error.where.line) == ("recipe.yaml", 3)


@pytest.mark.parametrize(
    "value", ["~=29.0", "1.2.3", "127.0.0.1:80", "yes please", "-y", '"2026.10"', "'yes'"]
)
def test_other_words_are_texts(value: str) -> None:
    assert recipe(f"format: 1\nkind: container\ndescription: {value}\n").description == value.strip("\"'")


def test_a_duplicate_key_names_both_lines() -> None:
    error = failure(HEAD + "kind: builder\n")
    assert error.where == Location("recipe.yaml", 4, 1)
    assert "`kind` is there twice, first in line 2" in error.reason


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("# only a comment\n", "empty"),
        ("- 1\n", "must be a mapping, not a list"),
        ("text", "must be a mapping, not the text `text`"),
        ("a: [1, 2\n", "not valid YAML"),
        ("a: 'x\n", "not valid YAML"),
        ("a:\n\t- x\n", "not valid YAML"),
        (HEAD + "---\n" + HEAD, "second document"),
        ("a: *b\n", "alias *b"),
        ("<<: {a: 1}\n", "merge key"),
        ("? [a]\n: 1\n", "key must be a text"),
        ("5: x\n", "key `5` is not a text"),
        ("on: x\n", "boolean"),
        ("%YAML 9.0\n---\na: 1\n", "not valid YAML"),
        (b"a: \xff\n", "not valid UTF-8"),
        ("a: 1".encode("utf-16"), "not valid UTF-8"),
        (b"a: \x07\n", "character that YAML does not allow"),
        (b"[" * 100_000, f"more than {MAX_DEPTH} levels"),
        (b"{a: " * 100_000, f"more than {MAX_DEPTH} levels"),
        (b"- " * 50_000, f"more than {MAX_DEPTH} levels"),
        (b"a: " + b"9" * 10_000, "number in another notation"),
        (b"#" * (MAX_BYTES + 1), "larger than"),
        (b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "anchor &a"),
    ],
)
def test_what_is_no_document_is_an_error_with_a_place(text: str | bytes, words: str) -> None:
    error = failure(text)
    assert words in error.reason
    assert error.where is not None
    assert error.where.line is not None


def test_the_place_of_a_byte_counts_characters() -> None:
    assert failure("a: 1\nü: ".encode() + b"\xff").where == Location("recipe.yaml", 2, 4)


@pytest.mark.parametrize(
    ("old", "new", "where", "reason", "solution"),
    [
        ("parent:", "parnt:", (4, 1), "there is no field `parnt`", "did you mean `parent`?"),
        (
            "ports: [80]",
            "port: [80]",
            (16, 5),
            "services.web: there is no field `port`",
            "did you mean `ports`?",
        ),
        ("container", "contaner", (2, 7), "kind: `contaner` is not allowed", "did you mean `container`?"),
        ("kind: container\n", "", (1, 1), "the file: the field `kind` is missing", "add `kind: ...`"),
        ("source: a.conf, ", "", (10, 5), "files[0]: the field `source` is missing", "add `source: ...`"),
        ("ports: [80]", "ports: 80", (16, 12), "services.web.ports: must be a list", "[80]"),
        ("ports: [80]", "ports: [0]", (16, 13), "services.web.ports[0]: `0`", None),
        ('"80"]', "80]", (15, 37), "command[2]: must be a text, not the number 80", '"80"'),
        ('"0600"', '"4755"', (10, 47), "files[0].mode: `4755` is not a file mode", None),
        ("/etc/a.conf", "/etc/../x", (10, 28), "files[0].path: `/etc/../x` is not an absolute path", None),
        ("a.conf,", "../a.conf,", (10, 14), "files[0].source: `../a.conf` is not a relative path", None),
        ("{tcp: true}", "{}", (17, 5), "services.web.health: give exactly one", None),
        ("  web:", "  Web:", (14, 3), "services: the key `Web` is not a name", None),
        (
            "debian:\n",
            "debian:\n  packages: x\ndebian2:\n",
            (6, 13),
            "debian.packages: must be a list",
            "[x]",
        ),
        ("scs: {uid: 42400}", "scs: {uid: 0}", (12, 14), "users.scs.uid: `0`", None),
    ],
)
def test_a_wrong_value_is_named_with_its_place_and_the_near_miss(
    old: str, new: str, where: tuple[int, int], reason: str, solution: str | None
) -> None:
    assert old in VALID
    error = failure(VALID.replace(old, new, 1))
    assert error.where == Location("recipe.yaml", *where)
    assert reason in error.reason
    if solution is None:
        assert error.solution is None
    else:
        assert error.solution is not None
        assert solution in error.solution


def test_all_mistakes_are_listed_in_the_order_of_the_file_and_what_is_missing_last() -> None:
    error = failure("format: 1\nknid: container\ndescription: a thing\nusers: []\n")
    assert error.where == Location("recipe.yaml", 2, 1)
    assert error.solution is not None
    assert error.solution.startswith("did you mean `kind`?")
    assert error.reason.splitlines()[1:] == [
        "and 2 more:",
        "  recipe.yaml:4:8: users: must be a mapping, not a list",
        "  recipe.yaml:1:1: the file: the field `kind` is missing",
    ]


def test_a_newer_format_is_told_apart() -> None:
    with pytest.raises(FormatError) as caught:
        recipe("kind: new\nformat: 2\n")
    assert caught.value.where == Location("recipe.yaml", 2, 9)
    assert failure("format: 0\nkind: container\ndescription: x\n").where == Location("recipe.yaml", 1, 9)
    assert failure("format: true\n").reason == "format: must be a whole number, not a boolean"


def test_a_file_is_shown_as_the_caller_wants(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    with pytest.raises(RecipeError, match="no such file") as caught:
        load(path, Recipe)
    assert caught.value.where == Location(str(path))
    path.write_text("kind: [")
    with pytest.raises(RecipeError) as caught:
        load(path, Recipe, shown="images/x/recipe.yaml")
    assert caught.value.where is not None
    assert caught.value.where.path == "images/x/recipe.yaml"


def test_values_and_keys_are_located() -> None:
    data = VALID.encode()
    assert locate(data, "r", ("users", "scs", "uid")) == Location("r", 12, 14)
    assert locate(data, "r", ("users", "scs"), key=True) == Location("r", 12, 3)


def survives(data: bytes) -> None:
    """Either a recipe, or an error of the family with a line of the file."""
    try:
        parse(data, Recipe, "recipe.yaml")
    except InputError as error:
        assert error.where is not None
        assert error.where.line is not None
        assert 1 <= error.where.line <= len(data.decode(errors="replace").splitlines()) + 1
        assert "Traceback" not in str(error)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_recipe_or_an_error_with_a_place(data: bytes) -> None:
    survives(data)


@given(st.text(alphabet="abk:-[]{}&*!|>'\"%@?,# \n\t01.~<", max_size=80))
def test_any_text_of_yaml_signs_gives_an_error_with_a_place(text: str) -> None:
    survives(text.encode())
    survives((HEAD + text).encode())


PIECES = st.sampled_from(
    [
        "",
        "\n",
        " ",
        "\t",
        ": ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        "&a ",
        "*a",
        "!x ",
        "~",
        "yes",
        "1.5",
        '"',
        "\x00",
        "\ud7ff",
    ]
)


@given(
    st.lists(
        st.tuples(st.integers(0, len(VALID)), st.integers(0, 6), PIECES | st.text(max_size=3)), max_size=4
    )
)
def test_a_mutated_recipe_is_read_or_refused_with_a_place(edits: list[tuple[int, int, str]]) -> None:
    text = VALID
    for start, removed, inserted in edits:
        text = text[:start] + inserted + text[start + removed :]
    survives(text.encode(errors="replace"))


INPUT = "{type: url, name: a, url: https://example.org/a.tar, version: one, path: /usr/share/a%s}"


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (INPUT % ", mode: '0755'", "`mode` is for files that are copied"),
        (INPUT % ", unpack: false, strip: 1", "`strip` is for what is unpacked"),
        (INPUT % ", mode: '4755', unpack: false", "`4755` is not allowed"),
        (INPUT.replace("url, name", "git, name") % ", unpack: false", "a git tree is always unpacked"),
        (INPUT.replace("https:", "ssh:") % "", "cannot be fetched from ssh://, only a git tree"),
        (INPUT.replace("https:", "ext:") % "", "is not a URL that begins with https://"),
        (INPUT.replace("example", "me:secret@example") % "", "without a password"),
    ],
)
def test_an_input_that_cannot_be_is_an_error_at_its_line(item: str, words: str) -> None:
    error = failure(f"{HEAD}inputs:\n  - {item}\n")
    assert words in error.reason
    assert error.where is not None and error.where.line == 5


def test_inputs_have_defaults() -> None:
    (found,) = recipe(f"{HEAD}inputs:\n  - {INPUT % ''}\n").inputs
    assert (found.unpack, found.strip, found.mode) == (True, 0, "0644")


@pytest.mark.parametrize(
    ("text", "words", "solution"),
    [
        (
            HEAD.replace("1", '"1"'),
            "format: must be a whole number, not the text `1`",
            "write it without quotes: 1",
        ),
        (HEAD.replace("1", "x"), "format: must be a whole number, not the text `x`", None),
        (HEAD + "users: {scs: {uid: 0}}", "users.scs.uid: `0` must be at least 1", None),
        (HEAD + "smoke: {command: []}", "smoke.command: must have at least 1 entry", None),
        (HEAD + "exceptions: {a: short}", "exceptions.a: `short` must have at least 10 characters", None),
    ],
)  # fmt: skip
def test_what_a_field_must_be_is_said_in_words_of_ours(text: str, words: str, solution: str | None) -> None:
    error = failure(text)
    assert error.reason == words
    assert error.solution == solution


class Wide(Model):
    values: dict[str, str | int | bool]


def test_a_value_of_one_of_several_types_is_one_problem() -> None:
    with pytest.raises(RecipeError) as caught:
        parse(b"values: {a: [1]}", Wide, "values.yaml")
    assert caught.value.reason == "values.a: must be a text or a whole number or true or false, not a list"


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_has_no_end_is_not_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "recipe.yaml"
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    with pytest.raises(RecipeError, match="is no regular file"):
        load(path, Recipe)
