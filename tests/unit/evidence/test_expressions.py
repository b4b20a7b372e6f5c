"""SPDX expressions: one form, known identifiers only, judged by alternatives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_build.evidence.expressions import (
    conjunction,
    debian_expression,
    identifiers,
    licences_in,
    normal,
    spdx_expression,
    unfree,
)

NAMES = {"Expat": "MIT", "mine": "LicenseRef-mine", "dual": "MIT OR Apache-2.0"}
OWN = frozenset(["LicenseRef-mine"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mit", "MIT"),
        ("MIT and BSD-3-Clause and (mit)", "BSD-3-Clause AND MIT"),
        ("X11 OR (MIT OR ISC)", "ISC OR MIT OR X11"),
        ("GPL-2.0+ OR (MIT AND X11)", "(MIT AND X11) OR GPL-2.0-or-later"),
        ("GPL-2.0-or-later WITH Bison-exception-2.2", "GPL-2.0-or-later WITH Bison-exception-2.2"),
        ("LicenseRef-mine", "LicenseRef-mine"),
    ],
)
def test_an_expression_has_one_form(text: str, expected: str) -> None:
    assert normal(text, OWN) == expected == normal(expected, OWN)


@pytest.mark.parametrize("text", ["", "no licence", "MIT AND", "MIT OR OR ISC", "(MIT", "LicenseRef-other"])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        normal(text, OWN)


@given(st.text(max_size=40))
def test_no_text_ends_in_anything_else(text: str) -> None:
    try:
        found = normal(text)
    except ValueError:
        return
    assert normal(found) == found


IDENTIFIERS = st.sampled_from(["MIT", "ISC", "GPL-2.0-only", "GPL-2.0-or-later WITH GCC-exception-2.0"])
EXPRESSIONS = st.recursive(
    IDENTIFIERS,
    lambda inner: st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(
        lambda t: f"({t[0]} {t[1]} {t[2]})"
    ),
    max_leaves=8,
)


@given(EXPRESSIONS, EXPRESSIONS)
def test_order_and_repetition_do_not_matter(one: str, other: str) -> None:
    assert normal(f"{one} AND {other}") == normal(f"{other} AND {one} AND {one}") == conjunction([other, one])


@given(EXPRESSIONS)
def test_nothing_is_unfree_when_all_is_free_and_all_when_nothing_is(expression: str) -> None:
    found = normal(expression)
    assert unfree(found, licences_in(found), licences_in(found)) == []
    assert set(unfree(found, [], [])) == set(licences_in(found))


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("MIT", []),
        ("MIT OR Sleepycat", []),
        ("MIT AND Sleepycat", ["Sleepycat"]),
        ("(MIT OR Sleepycat) AND Watcom-1.0", ["Watcom-1.0"]),
        ("Sleepycat OR Watcom-1.0", ["Sleepycat", "Watcom-1.0"]),
        ("MIT WITH GCC-exception-3.1", []),
        ("MIT WITH LLVM-exception", ["LLVM-exception"]),
    ],
)
def test_one_alternative_is_enough(expression: str, wrong: list[str]) -> None:
    assert unfree(normal(expression), ["MIT"], ["GCC-exception-3.1"]) == wrong


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GPL-2+", "GPL-2.0-or-later"),
        ("GPL-3", "GPL-3.0-only"),
        ("LGPL-2.1+", "LGPL-2.1-or-later"),
        ("GPL", "GPL-1.0-or-later"),
        ("LGPL", "LGPL-2.0-or-later"),
        ("GFDL-NIV-1.3+", "GFDL-1.3-no-invariants-or-later"),
        ("zlib", "Zlib"),
        ("BSD-3-clause", "BSD-3-Clause"),
        ("Expat", "(MIT)"),
        ("dual and Expat", "(MIT OR Apache-2.0) AND (MIT)"),
        ("GPL-2 or Expat and ISC", "GPL-2.0-only OR (MIT) AND ISC"),
        ("GPL-2, and ISC", None),
        ("something-else", None),
        ("Expat and something-else", None),
    ],
)
def test_names_of_debian_are_read(text: str, expected: str | None) -> None:
    found = debian_expression(text, NAMES.get)
    assert found == expected or normal(str(found)) == normal(str(expected))


def test_free_texts_mean_what_the_policy_says_or_nothing() -> None:
    assert spdx_expression("Expat", NAMES.get) == "MIT"
    assert spdx_expression("Apache-2.0 OR BSD-3-Clause", NAMES.get) == "Apache-2.0 OR BSD-3-Clause"
    for text in ("BSD", "BSD License", "Dual License", "Copyright 2010 Somebody", "GPL v2"):
        assert spdx_expression(text, NAMES.get) is None


def test_references_are_no_identifiers() -> None:
    assert not [key for key in identifiers() if key.startswith("licenseref-")]
