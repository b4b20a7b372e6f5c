"""The licence policy: read strictly, wrong entries named with their place; the repository's is valid."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_build.errors import FormatError, InputError, PolicyError
from scs_build.evidence.licence_policy import FILE, load_policy

ROOT = Path(__file__).resolve().parents[3]
HASH = "a" * 64
HEAD = "format: 1\nfree: [MIT]\n"
WRONG = {
    "": "1:1: the file is empty",
    "format: 1\n": "1:1: the file: the field `free` is missing",
    "format: 1\nfree: [MIT, Apache2]\n": "2:13: free: `Apache2` is not an SPDX identifier",
    "format: 1\nfree: [mit]\n": "2:8: free: `mit` is not an SPDX identifier",
    "format: 1\nfree: [MIT, MIT]\n": "2:13: free: MIT is there twice",
    HEAD + "exceptions: [MIT-exception]\n": "3:14: exceptions: `MIT-exception` is not an SPDX identifier",
    HEAD
    + "own: {LicenseRef-x: nobody uses this one}\n": "3:21: own: no entry of this file uses LicenseRef-x",
    HEAD + "own: {Mine: a name of another form}\n": "3:7: own: the key `Mine` is not",
    HEAD + "names: {a: MITT}\n": "3:12: MITT: `MITT` is not an SPDX identifier",
    HEAD + "names: {a: MIT AND}\n": "3:12: MIT AND: ",
    HEAD + "stated: [{reason: it has no subject at all, licence: MIT, text: x}]\n": "3:",
    HEAD + f"stated:\n  - {{source: a, text: {HASH}, reason: there is no licence}}\n": (
        "4:5: stated[0]: give either `licence` or `names`"
    ),
    HEAD + "stated:\n  - {source: a, licence: MIT, reason: there is no text}\n": (
        "4:5: stated[0]: give the hash of the `text` that was read, or the `versions` without one"
    ),
    HEAD
    + f"stated:\n  - {{source: a, distribution: b, text: {HASH}, licence: MIT, reason: two of them}}\n": (
        "4:5: stated[0]: give exactly one of `source`, `distribution` and `input`"
    ),
    HEAD
    + f"stated:\n  - {{distribution: a, packages: [b], text: {HASH}, licence: MIT, reason: wrong kind}}\n": (
        "4:5: stated[0]: `packages` are of a `source`"
    ),
    HEAD + "without_text:\n  - {source: a, versions: ==1, reason: wrong kind of}\n": (
        "4:5: without_text[0]: `versions` are of a `distribution`"
    ),
    HEAD + "without_text:\n  - {distribution: a, reason: short}\n": "4:31: without_text[0].reason: ",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "policy").mkdir()
    return tmp_path


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_named_with_its_place(root: Path, text: str) -> None:
    (root / FILE).write_text(text)
    with pytest.raises(PolicyError) as caught:
        load_policy(root)
    assert str(caught.value).startswith(f"{FILE}:{WRONG[text]}")


def test_the_near_miss_is_offered(root: Path) -> None:
    (root / FILE).write_text("format: 1\nfree: [apache-2]\n")
    with pytest.raises(PolicyError) as caught:
        load_policy(root)
    assert caught.value.solution == "did you mean Apache-2.0?"


def test_no_policy_is_an_error(root: Path) -> None:
    with pytest.raises(PolicyError, match="there is no such file"):
        load_policy(root)


def test_a_newer_format_is_told_as_such(root: Path) -> None:
    (root / FILE).write_text("format: 2\nfree: [MIT]\nmore: 1\n")
    with pytest.raises(FormatError):
        load_policy(root)


@given(st.text(max_size=60))
def test_any_text_is_a_policy_or_a_typed_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    root = tmp_path_factory.mktemp("policy")
    (root / "policy").mkdir()
    (root / FILE).write_text(HEAD + text, encoding="utf-8", errors="surrogateescape")
    try:
        load_policy(root)
    except InputError as error:
        assert error.where is not None


def test_the_policy_of_the_repository_is_valid() -> None:
    policy = load_policy(ROOT)
    assert policy.model.free and policy.model.stated
    assert str(policy.where("stated", 0)).startswith(f"{FILE}:")
