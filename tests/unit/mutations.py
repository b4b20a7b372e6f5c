"""Damage that files suffer: by hand, by merges, by editors, by disks, by malice. For property-based tests."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import yaml
from hypothesis import strategies as st

Place = tuple[str | int, ...]

# What is put into files: signs with a meaning in YAML and JSON, bytes that are no text, and old enemies.
PIECES = st.sampled_from([
    b"", b"\n", b" ", b"\t", b": ", b"- ", b"{", b"}", b"[", b"]", b"&a ", b"*a", b"!!python/name:os.system ",
    b"~", b"yes", b"1.5", b"1e999", b"-0", b'"', b"'", b"\\", b"\\ud800", b",", b"null", b"\x00", b"\xff",
    b"\xc3", b"\xef\xbb\xbf", b"\r\n", "\u2028".encode(), "\u202e".encode(), b"../", b"<<: ", b"---\n", b"#",
    b"9" * 4400,
])  # fmt: skip
TEXTS = st.text(max_size=8) | st.sampled_from([
    "", "\x00", "\ud800", "../../etc/passwd", "/", ".", "a\nb", "a b", "=", "1:", "(> 1)", "a (=> 1) | b [x]",
    "~", "a" * 5000, "${HOME}", "{}", "{{ x }}", "٣", "9" * 400, "*a*a*a*a*a", "[[", "-", "x; extra=='y' (",
])  # fmt: skip
NUMBERS = st.integers() | st.sampled_from([-1, 0, 2**31, 2**63, 2**64, 10**400])
SCALARS = st.none() | st.booleans() | NUMBERS | st.floats() | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def damaged(data: bytes) -> st.SearchStrategy[bytes]:
    """Bytes that were cut, repeated, moved or overwritten, or that are in another encoding."""
    position = st.integers(0, len(data))
    edits = st.lists(st.tuples(position, st.integers(0, 40), PIECES | st.binary(max_size=4)), max_size=4)
    return st.one_of(
        edits.map(lambda edits: _edited(data, edits)),
        position.map(lambda end: data[:end]),
        st.tuples(position, position).map(lambda cut: data[: max(cut)] + data[min(cut) :]),
        st.sampled_from(["utf-16", "utf-32", "latin-1", "cp500"]).map(lambda name: _encoded(data, name)),
        st.sampled_from([b"", b"\x00" * 100, b"[" * 50_000, b'{"a":' * 50_000, b"- " * 50_000, b"9" * 4400]),
        st.binary(max_size=64),
    )


def _edited(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for start, removed, inserted in edits:
        data = data[:start] + inserted + data[start + removed :]
    return data


def _encoded(data: bytes, name: str) -> bytes:
    return data.decode().encode(name, errors="replace")


def restructured(document: Any) -> st.SearchStrategy[Any]:
    """A document in which a few values have another type, are gone, are there twice, or have another name."""
    return st.lists(st.tuples(st.integers(0, 10**6), CHANGES), min_size=1, max_size=3).map(
        lambda changes: _changed(document, changes)
    )


def as_json(document: Any) -> bytes:
    """Write a document down, also what JSON cannot hold (`NaN`) and what no text can (lone surrogates)."""
    return json.dumps(document, indent=1).encode()


def as_yaml(document: Any) -> bytes:
    """Write a document down with anchors where it holds something twice."""
    try:
        text = yaml.dump(document, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False)
    except UnicodeEncodeError:  # the slow one writes halves of surrogate pairs too
        text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
    return str(text).encode(errors="surrogatepass")


@cache
def damaged_json(data: bytes) -> st.SearchStrategy[bytes]:
    """A JSON file that was damaged as bytes, as a structure, or that says something twice."""
    document = json.loads(data)
    return damaged(data) | restructured(document).map(as_json) | _repeated(data)


@cache
def damaged_yaml(data: bytes) -> st.SearchStrategy[bytes]:
    """A YAML file that was damaged as bytes, as a structure, or that says something twice."""
    document = yaml.load(data, Loader=yaml.CSafeLoader)
    return damaged(data) | restructured(document).map(as_yaml) | _repeated(data)


def _repeated(data: bytes) -> st.SearchStrategy[bytes]:
    """A line that is there twice, as merges leave it: a key twice, or no valid file at all."""
    lines = data.splitlines(keepends=True)
    number = st.integers(0, len(lines) - 1)
    return number.map(lambda n: b"".join([*lines[: n + 1], *lines[n:]]))


def places(value: Any, path: Place = ()) -> Iterator[Place]:
    """Yield the way to every value of a document, the document first."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield from places(part, (*path, key))


def _changed(document: Any, changes: list[tuple[int, Callable[[Any, str | int], None]]]) -> Any:
    top = {"": copy.deepcopy(document)}
    for number, change in changes:
        ways = [("", *way) for way in places(top[""])]
        *way, key = ways[number % len(ways)]
        parent: Any = top
        for part in way:
            parent = parent[part]
        change(parent, key)
        if "" not in top:
            return None
    return top[""]


def _set(value: Any) -> Callable[[Any, str | int], None]:
    return lambda parent, key: parent.__setitem__(key, copy.deepcopy(value))


def _remove(parent: Any, key: str | int) -> None:
    del parent[key]


def _rename(parent: Any, key: str | int) -> None:
    if isinstance(parent, dict):
        parent[f"{key}s"] = parent.pop(key)


def _twice(parent: Any, key: str | int) -> None:
    if isinstance(parent, list):
        parent.append(parent[int(key)])
    else:
        parent[f"{key}2"] = parent[key]


def _wrap(parent: Any, key: str | int) -> None:
    for _ in range(40):
        parent[key] = [parent[key]]


CHANGES = VALUES.map(_set) | st.sampled_from([_remove, _rename, _twice, _wrap])
