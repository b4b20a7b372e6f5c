"""Strict JSON: the same values as the standard reader's, or an error with a place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from scs_build.strict_json import JsonError, read_json
from tests.unit.mutations import VALUES, damaged_json

DOCUMENT = b'{"a": [1, -0.5, true, null, "\\ud83d\\ude00", "\xc3\xa4"],\n "b": {"c": {}}}'


def failure(data: bytes) -> JsonError:
    with pytest.raises(JsonError) as caught:
        read_json(data)
    return caught.value


def test_what_is_valid_is_read_as_ever() -> None:
    assert read_json(DOCUMENT) == json.loads(DOCUMENT)


@pytest.mark.parametrize(
    ("data", "reason", "place"),
    [
        (b"", "is not JSON: Expecting value", (1, 1)),
        (b'{"a": 1,\n}', "is not JSON", (2, 1)),
        (b'{"a": 1,\n "b": {"c": 1, "c": 2}}', 'has the key "c" twice in one object', (2, 7)),
        (b'{"a": [\n{}, {"\xc3\xa4": 1, "\xc3\xa4": 2}]}', 'has the key "\\u00e4" twice', (2, 5)),
        (b'{"a": 1,\n "\xff": 1}', "is not UTF-8", (2, 3)),
        (b'["\\ud800"]', "half of a surrogate pair", (1, 1)),
        (b"[NaN]", "NaN is no number of JSON", (1, 1)),
        (b"[-Infinity]", "-Infinity is no number of JSON", (1, 1)),
        (b"9" * 5000, "4300 digits", (1, 1)),
        (b"[" * 100_000, "nested too deeply", (1, 1)),
        (b"\xef\xbb\xbf{}", "is not JSON", (1, 1)),
    ],
)
def test_what_readers_understand_differently_is_an_error_with_a_place(
    data: bytes, reason: str, place: tuple[int, int]
) -> None:
    error = failure(data)
    assert reason in error.reason
    assert (error.line, error.column) == place


@given(damaged_json(DOCUMENT))
def test_whatever_is_damaged_has_a_place_or_one_meaning(data: bytes) -> None:
    try:
        value = read_json(data)
    except JsonError as error:
        assert 1 <= error.line <= data.count(b"\n") + 1
        assert error.column >= 1
    else:
        assert read_json(json.dumps(value, ensure_ascii=False).encode()) == value


@given(VALUES)
def test_any_value_that_has_a_text_is_read_again(value: object) -> None:
    text = json.dumps(value)
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        failure(text.encode())
        return
    if "NaN" in text or "Infinity" in text:
        return
    assert read_json(text.encode()) == json.loads(text)
