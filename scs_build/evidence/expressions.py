"""SPDX licence expressions: read, written in one form, held against what is free."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from functools import cache
from itertools import zip_longest
from typing import Any

# Says what the policy has for a name, or None.
Meaning = Callable[[str], str | None]

# Names of the GNU licences in Debian's copyright files, such as GPL-2+ and GFDL-NIV-1.3.
GNU = re.compile(r"(A?L?GPL|GFDL-NIV|GFDL)(?:-(\d)(?:\.(\d))?)?(\+)?", re.IGNORECASE)
# What a GNU licence means when no version is named: any that was ever published.
FIRST = {"GPL": "1.0", "LGPL": "2.0", "AGPL": "3.0", "GFDL": "1.1"}
REFERENCE = "LicenseRef-"
_JOINED = re.compile(r"\s+(and|or)\s+", re.IGNORECASE)


@cache
def _licensing() -> Any:
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()


@cache
def identifiers() -> dict[str, str]:
    """Return every SPDX identifier (of licences and exceptions) by its lower-case form."""
    return {key.lower(): key for key in _licensing().known_symbols if not key.startswith(REFERENCE)}


@cache
def normal(expression: str, own: frozenset[str] = frozenset()) -> str:
    """Return an expression in one form: known identifiers, sorted terms, each once.

    `own` are the `LicenseRef-` names that may be used. Raises ValueError with what is not known or not valid.
    """
    from license_expression import ExpressionError

    licensing = _licensing()
    try:
        parsed = licensing.parse(expression)
    except ExpressionError as error:
        raise ValueError(str(error)) from error
    if parsed is None:
        raise ValueError("there is no licence in it")
    unknown = [key for key in licensing.unknown_license_keys(parsed) if key not in own]
    unknown += [key for key in licensing.license_keys(parsed) if key.startswith(REFERENCE) and key not in own]
    if unknown:
        raise ValueError(f"`{unknown[0]}` is not an SPDX identifier")
    return _written(parsed)


def _written(node: Any) -> str:
    operator, terms = _terms(node)
    return f" {operator} ".join(terms)


def _terms(node: Any) -> tuple[str, tuple[str, ...]]:
    """Return the operator of a node and what it joins, sorted and each once; no operator: one identifier."""
    operator = _operator(node)
    if not operator:
        return "", (str(node.render("{symbol.key}")),)
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for inner, terms in map(_terms, node.args):
        if inner in ("", operator):
            found |= {term: ("", (term,)) for term in terms}
        else:
            found[f"({f' {inner} '.join(terms)})"] = inner, terms
    return next(iter(found.values())) if len(found) == 1 else (operator, tuple(sorted(found)))


def _operator(node: Any) -> str:
    return {"AND": "AND", "OR": "OR"}.get(type(node).__name__, "")


def conjunction(expressions: Iterable[str], own: frozenset[str] = frozenset()) -> str:
    """Return the expression of a work of which each part has one of these licences."""
    return normal(" AND ".join(f"({expression})" for expression in sorted(set(expressions))), own)


def licences_in(expression: str) -> list[str]:
    """Return the identifiers of the licences and exceptions of a normal expression, sorted."""
    return sorted(set(_licensing().license_keys(_licensing().parse(expression))))


def unfree(expression: str, free: Collection[str], exceptions: Collection[str]) -> list[str]:
    """Return the identifiers that keep a normal expression from being free: of alternatives one is enough."""
    return sorted(set(_unfree(_licensing().parse(expression), free, exceptions)))


def _unfree(node: Any, free: Collection[str], exceptions: Collection[str]) -> list[str]:
    operator = _operator(node)
    if operator == "AND":
        return [key for arg in node.args for key in _unfree(arg, free, exceptions)]
    if operator == "OR":
        found = [_unfree(arg, free, exceptions) for arg in node.args]
        return [] if [] in found else [key for keys in found for key in keys]
    exception = getattr(node, "exception_symbol", None)
    keys = [(node.license_symbol.key, free), (exception.key, exceptions)] if exception else [(node.key, free)]
    return [key for key, allowed in keys if key not in allowed]


def debian_expression(text: str, meaning: Meaning) -> str | None:
    """Return the SPDX expression for what a Debian copyright file says of some files; None: it is not known.

    `and` binds tighter than `or`, as in SPDX; a text with commas, which may turn that round, is not read.
    """
    if whole := meaning(text):
        return whole
    parts = _JOINED.split(text)
    names = [_debian_name(name, meaning) for name in parts[::2]]
    if "," in text or None in names:
        return None
    operators = [operator.upper() for operator in parts[1::2]]
    return " ".join(part for pair in zip_longest(names, operators) for part in pair if part)


def _debian_name(name: str, meaning: Meaning) -> str | None:
    if known := meaning(name):
        return f"({known})"
    found = GNU.fullmatch(name)
    return _gnu(*found.groups()) if found else identifiers().get(name.lower())


def _gnu(family: str, major: str | None, minor: str | None, later: str | None) -> str:
    plain, invariants, _ = family.upper().partition("-NIV")
    version = f"{major}.{minor or 0}" if major else FIRST[plain]
    ending = "or-later" if later or not major else "only"
    return f"{plain}-{version}-{'no-invariants-' if invariants else ''}{ending}"


def spdx_expression(text: str, meaning: Meaning) -> str | None:
    """Return the SPDX expression for a free text: what the policy says it means, or an expression itself."""
    if known := meaning(text):
        return known
    try:
        return normal(text)
    except ValueError:
        return None
