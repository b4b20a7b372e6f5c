"""Manifests: read strictly, written so that two builders agree."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_build.errors import FormatError, ManifestError
from scs_build.manifest.manifest import (
    Content,
    Evidence,
    Manifest,
    content_digest,
    read_manifest,
    write_manifest,
)
from tests.unit.mutations import damaged_json

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
CONTENT = {
    "series": "2026.1",
    "platform": "linux/amd64",
    "images": [
        {
            "name": "base",
            "digest": A,
            "key": "c" * 64,
            "locks": {"base": "d" * 64},
            "unpacked_bytes": 10,
            "layers": [{"digest": B, "diff_id": A, "bytes": 5}],
        }
    ],
}
EVIDENCE = Evidence(image="base", check="smoke", predicate_type="x", digest=B, ok=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def manifest() -> Manifest:
    content = Content.model_validate(CONTENT)
    return Manifest(format=1, digest=content_digest(content), content=content)


def document() -> dict[str, Any]:
    found: dict[str, Any] = manifest().model_dump(mode="json")
    return found


def read(data: bytes) -> Manifest | None:
    """Return the manifest, or None after the error that a person gets: typed, with a place."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "manifest.json")
        path.write_bytes(data)
        try:
            return read_manifest(path)
        except (ManifestError, FormatError) as error:
            assert error.where is not None
            assert error.where.path == str(path)
            return None


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "2026.1.json"
    write_manifest(manifest(), path)
    assert read_manifest(path) == manifest()
    assert [found.name for found in path.parent.iterdir()] == ["2026.1.json"]


def test_the_digest_is_of_the_content_and_of_nothing_else() -> None:
    content = Content.model_validate(CONTENT)
    with_evidence = Manifest(format=1, digest=A, content=content, evidence=(EVIDENCE,))
    assert content_digest(with_evidence.content) == manifest().digest
    other = content.model_copy(update={"series": "2025.1"})
    assert content_digest(other) != manifest().digest


def test_the_digest_is_this_one_for_ever() -> None:
    """Manifests of other builders are compared by it."""
    assert manifest().digest == "sha256:3f67ea486326a108bcc28ec03069b95c96d850fc789a10c41b50fcfdddf32089"


@given(st.binary(max_size=64))
def test_arbitrary_bytes_are_an_error_with_a_place(data: bytes) -> None:
    assert read(data) is None


@given(JSON)
def test_arbitrary_json_is_an_error_with_a_place(value: object) -> None:
    assert read(json.dumps(value).encode()) is None


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in places(part, (*path, key)))]


@given(st.sampled_from(places(document())[1:]), JSON)
def test_a_changed_value_is_refused_or_another_manifest(place: tuple[Any, ...], value: object) -> None:
    data = copy.deepcopy(document())
    at = data
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    found = read(json.dumps(data).encode())
    assert found is None or found.model_dump(mode="json") == data


@given(damaged_json(json.dumps(document(), indent=2).encode()))
def test_a_damaged_manifest_is_refused_or_another_manifest(data: bytes) -> None:
    found = read(data)
    assert found is None or found.model_dump(mode="json") == {"evidence": [], **json.loads(data)}


def test_a_manifest_is_read_strictly(tmp_path: Path) -> None:
    """What other readers would take for a number, or for the first or the last of two values, is an error."""
    text = json.dumps(document())
    for old, new in (
        ('"bytes": 5', '"bytes": "5"'),
        ('"bytes": 5', '"bytes": 5, "bytes": 6'),
        ("1,", "true,"),
    ):
        assert read(text.encode()) is not None
        assert old in text and read(text.replace(old, new, 1).encode()) is None


@given(st.integers(min_value=0, max_value=len(json.dumps(document())) - 1))
def test_a_cut_off_manifest_is_an_error(length: int) -> None:
    assert read(json.dumps(document()).encode()[:length]) is None


def test_deep_nesting_is_an_error() -> None:
    assert read(b"[" * 100_000) is None


def test_the_wrong_field_is_named(tmp_path: Path) -> None:
    data = document()
    data["content"]["images"][0]["layers"][0]["digest"] = "sha256:short"
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(data))
    with pytest.raises(ManifestError, match=r"content\.images\[0\]\.layers\[0\]\.digest"):
        read_manifest(path)


def test_a_newer_format_says_so_and_not_that_fields_are_unknown(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({"format": 2, "news": True}))
    with pytest.raises(FormatError, match="format 2 is newer"):
        read_manifest(path)


def test_no_manifest_names_the_command_that_writes_one(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no such manifest") as caught:
        read_manifest(tmp_path / "none.json")
    assert "scs-build build" in str(caught.value.solution)
