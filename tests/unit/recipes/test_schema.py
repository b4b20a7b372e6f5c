from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from scs_build.recipes.models import PATTERN_MEANING
from scs_build.recipes.schema import schemas


def objects(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    yield from schema.get("$defs", {}).values()


def patterns(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("pattern"), str):
            yield value["pattern"]
        for part in value.values():
            yield from patterns(part)
    elif isinstance(value, list):
        for part in value:
            yield from patterns(part)


def test_every_document_has_a_schema_without_a_host() -> None:
    assert list(schemas()) == [
        "recipe", "series", "paths", "site", "hardening", "licences", "layer", "layer-series",
    ]  # fmt: skip
    assert {schema["$id"] for schema in schemas().values()} == {
        f"urn:scs-build:schema:{name}:1" for name in schemas()
    }

    assert list(schemas()) == [
        "recipe", "series", "paths", "site", "hardening", "licences", "layer", "layer-series",
    ]  # fmt: skip


@pytest.mark.parametrize("name", list(schemas()))
def test_every_field_is_described_and_no_other_allowed(name: str) -> None:
    for part in objects(schemas()[name]):
        assert part["additionalProperties"] is False
        assert part["description"]
        for field, details in part["properties"].items():
            assert details.get("description"), field


@pytest.mark.parametrize("name", ["recipe", "series", "paths", "licences"])
def test_every_pattern_can_be_read_and_most_are_put_in_words(name: str) -> None:
    found = set(patterns(schemas()[name]))
    assert found
    for pattern in found:
        re.compile(pattern)
    assert found - set(PATTERN_MEANING) <= {r"^/\S*$"}
