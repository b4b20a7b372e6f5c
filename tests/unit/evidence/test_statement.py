from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_build.evidence.statement import STATEMENT_TYPE, Statement, StatementError

DIGEST = "sha256:" + "a" * 64
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
KEYS = ("_type", "subject", "predicateType", "predicate", "name", "digest", "sha256")


def test_the_form_is_that_of_the_in_toto_specification() -> None:
    statement = Statement("keystone", DIGEST, "https://example.org/v1", {"b": 1, "a": "ä"})
    assert statement.to_bytes().decode() == (
        '{"_type":"https://in-toto.io/Statement/v1","predicate":{"a":"ä","b":1},'
        '"predicateType":"https://example.org/v1",'
        '"subject":[{"digest":{"sha256":"' + "a" * 64 + '"},"name":"keystone"}]}'
    )


@given(st.text(min_size=1), st.dictionaries(st.text(), JSON, max_size=4))
def test_what_is_written_is_read(name: str, predicate: dict[str, Any]) -> None:
    statement = Statement(name, DIGEST, "x", predicate)
    assert Statement.from_bytes(statement.to_bytes()) == statement


@given(JSON | st.dictionaries(st.sampled_from(KEYS), JSON))
def test_anything_else_is_told_and_never_a_traceback(value: Any) -> None:
    with pytest.raises(StatementError):
        Statement.from_bytes(json.dumps(value).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"_type": "x"},
        {"subject": []},
        {"predicate": []},
        {"predicateType": 1},
        {"subject": [{"name": "a", "digest": {}}]},
    ],
)
def test_a_statement_of_another_form_is_refused(change: dict[str, Any]) -> None:
    value = json.loads(Statement("a", DIGEST, "x", {}).to_bytes())
    assert value["_type"] == STATEMENT_TYPE
    with pytest.raises(StatementError):
        Statement.from_bytes(json.dumps({**value, **change}).encode())


@pytest.mark.parametrize("data", [b"", b"\xff", b"{", b"[" * 100_000])
def test_bytes_that_are_no_json_are_refused(data: bytes) -> None:
    with pytest.raises(StatementError):
        Statement.from_bytes(data)
