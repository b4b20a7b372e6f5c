"""Names of registries, repositories and tags: right ones are taken as they are, wrong ones told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_build.errors import AddressError
from scs_build.oci.registry.address import LONGEST, Place, read_place, read_tag

HOSTS = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,3})?\.[a-z]{2,5}", fullmatch=True) | st.sampled_from(
    ["localhost", "10.0.0.1", "[::1]", "REGISTRY.Example.org"]
)
PORTS = st.just("") | st.integers(1, 65535).map(lambda port: f":{port}")
PARTS = st.from_regex(r"[a-z0-9]{1,5}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}", fullmatch=True)
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", fullmatch=True)


@given(host=HOSTS, port=PORTS, parts=st.lists(PARTS, max_size=4), image=PARTS)
def test_a_place_is_what_was_written(host: str, port: str, parts: list[str], image: str) -> None:
    text = "/".join((host + port, *parts))
    place = read_place(text)
    assert place == Place(host + port, "/".join(parts))
    assert str(place) == text
    assert place.repository(image) == f"{text}/{image}"


@given(st.text() | st.text(alphabet="ab0./:@-_ []A", max_size=30))
def test_any_text_is_a_place_or_an_error_that_says_what_to_do(text: str) -> None:
    try:
        place = read_place(text)
    except AddressError as error:
        assert error.solution
        assert error.reason.isprintable()
        assert len(error.reason) < 250
    else:
        assert str(place) == text
        assert read_place(str(place)) == place


@given(st.text(alphabet="ab0_.-/: A\n", max_size=130) | TAGS)
def test_any_text_is_a_tag_or_an_error(text: str) -> None:
    try:
        assert read_tag(text) == text
    except AddressError as error:
        assert error.solution
        assert not (text and len(text) <= 128 and text.isascii() and text.isalnum())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not begin with the host"),
        ("scs", "does not say which registry"),
        ("scs/keystone", "does not say which registry: scs could be a folder"),
        ("https://registry.example.org/scs", "an address on the web"),
        ("registry.example.org/SCS", "lower-case"),
        ("registry.example.org/scs:2026.1", "--tag"),
        ("registry.example.org/scs@sha256:" + "0" * 64, "the digests are the manifest's"),
        ("registry.example.org/scs/", "no valid namespace"),
        ("registry.example.org//scs", "no valid namespace"),
        ("registry.example.org:0/scs", "a port that does not exist"),
        ("registry.example.org:65536/scs", "a port that does not exist"),
        ("registry.example.org/" + "a" * LONGEST, "too long"),
        ("registry.example.org/scs\n", "no valid namespace"),
        ("-registry.example.org/scs", "does not begin with the host"),
        ("registry..example.org/scs", "does not begin with the host"),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str) -> None:
    with pytest.raises(AddressError) as caught:
        read_place(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "text", ["me:secret@registry.example.org/scs", "https://me:secret@registry.example.org/scs"]
)
def test_a_password_is_not_repeated(text: str) -> None:
    with pytest.raises(AddressError) as caught:
        read_place(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("image", ["a+b", "..", "a/b", "A", "", "a" * LONGEST])
def test_an_image_that_no_registry_can_have_is_told(image: str) -> None:
    with pytest.raises(AddressError):
        Place("registry.example.org", "scs").repository(image)
