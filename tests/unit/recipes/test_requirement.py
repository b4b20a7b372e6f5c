"""Requirements and specifiers are checked where people write them, at every start and without a parser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from scs_build.errors import RecipeError
from scs_build.recipes.loader import parse
from scs_build.recipes.models import Recipe, Series
from scs_build.recipes.requirement import PLAIN_CONSTRAINT, PLAIN_REQUIREMENT, PLAIN_SPECIFIER, pinned

RECIPE = "format: 1\nkind: container\ndescription: x\npython:\n  requirements: [ok]\n  build: [ok]\n"
SERIES = (
    'format: 1\nname: "2026.1"\nreleased: "2026-04-01"\ndebian: {release: trixie, suites: [trixie]}\n'
    'python: {version: "3.13", manylinux: "2_41", prefix: /opt/venv}\nconstraints: limits.txt\n'
)


@given(st.from_regex(PLAIN_REQUIREMENT, fullmatch=True))
def test_what_is_plain_is_a_requirement(text: str) -> None:
    assert Requirement(text).url is None


@given(st.from_regex(PLAIN_SPECIFIER, fullmatch=True))
def test_what_is_plain_is_a_specifier(text: str) -> None:
    SpecifierSet(text)


@given(st.from_regex(PLAIN_CONSTRAINT, fullmatch=True))
def test_what_is_pinned_allows_that_version(text: str) -> None:
    version = pinned(text)
    assert (version is None) == bool(Requirement(text).marker)
    assert version is None or str(Requirement(text).specifier) == f"==={version}"


@pytest.mark.parametrize("field", ["requirements", "build"])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("keystone=>1", "`keystone=>1` is not a requirement"),
        ("keystone>=1.*", "is not a requirement"),
        ("keystone; python = 3", "is not a requirement"),
        ("library @ file:///tmp/library.tar.gz", "names a place"),
        ("library @ https://example.org/library.tar.gz", "names a place"),
    ],
)
def test_a_requirement_that_is_none_is_refused_where_it_stands(field: str, text: str, reason: str) -> None:
    data = RECIPE.replace(f"{field}: [ok]", f'{field}: [ok, "{text}"]').encode()
    with pytest.raises(RecipeError, match=reason) as caught:
        parse(data, Recipe, "recipe.yaml")
    line = 5 if field == "requirements" else 6
    assert str(caught.value.where) == f"recipe.yaml:{line}:{10 + len(field)}"


@pytest.mark.parametrize("text", ["29", "=>29", "~=29", "~=29.0; python_version>'3'", "[ldap]>=1"])
def test_a_specifier_that_is_none_is_refused_where_it_stands(text: str) -> None:
    data = f'{SERIES}components:\n  keystone: "{text}"\n'.encode()
    with pytest.raises(RecipeError, match="is not a version specifier") as caught:
        parse(data, Series, "series.yaml")
    assert str(caught.value.where) == "series.yaml:8:13"


@pytest.mark.parametrize("text", ["~=29.0", ">=29.0,<30", ">= 1.0rc1", "", "===1.0+local"])
def test_a_specifier_is_taken_as_it_is(text: str) -> None:
    series = parse(f'{SERIES}components: {{keystone: "{text}"}}\n'.encode(), Series, "series.yaml")
    assert series.components == {"keystone": text}
