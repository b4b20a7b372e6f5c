"""Strict JSON: what readers of JSON understand differently, or choke on, is an error with a place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

# Half of a pair: JSON can write it, no text can hold it.
SURROGATE = re.compile(rb"\\u[dD][89abAB]|\\u[dD][cdefCDEF]")


class JsonError(ValueError):
    """What is wrong, and in which line and column, both from 1."""

    def __init__(self, reason: str, line: int = 1, column: int = 1) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.column = column


class _RepeatedError(ValueError):
    """A key is there twice in one object."""


def read_json(data: bytes) -> Any:
    """Return the value of a JSON document in UTF-8; raises `JsonError`.

    Not allowed are duplicate keys, numbers that JSON does not know (NaN, Infinity) or that are longer than
    Python reads, halves of surrogate pairs, and nesting deeper than Python's.
    """
    try:
        text = data.decode()
        value = _DECODER.decode(text)
        if SURROGATE.search(data):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise JsonError(f"is not JSON: {error.msg}", error.lineno, error.colno) from error
    except UnicodeDecodeError as error:
        raise _at("is not UTF-8", data[: error.start].decode(errors="replace")) from error
    except UnicodeEncodeError as error:
        raise JsonError("holds half of a surrogate pair, which is no text") from error
    except RecursionError as error:
        raise JsonError("is nested too deeply") from error
    except _RepeatedError as error:
        raise _at(str(error), text[: _start_of_repeated(text)]) from error
    except ValueError as error:
        raise JsonError(f"is not JSON: {error}") from error
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _RepeatedError(f"has the key {json.dumps(twice)} twice in one object")
    return found


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refused)


def _at(reason: str, before: str) -> JsonError:
    """Return the error for the place behind the text `before`."""
    return JsonError(reason, before.count("\n") + 1, len(before) - before.rfind("\n"))


def _start_of_repeated(text: str) -> int:
    """Return where the object begins that has a key twice: read again, by the slow reader that can tell."""
    starts: list[int] = []

    def parse_object(state: tuple[str, int], *args: Any) -> tuple[Any, int]:
        try:
            return _parse_object(state, *args)
        except _RepeatedError:
            starts.append(state[1] - 1)
            raise

    decoder: Any = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refused)
    decoder.parse_object = parse_object
    decoder.scan_once = _make_scanner(decoder)
    try:
        decoder.decode(text)
    except _RepeatedError:
        return starts[0]
    raise AssertionError("the quick reader found a key twice")


_parse_object: Callable[..., tuple[Any, int]] = json.decoder.JSONObject  # type: ignore[attr-defined]
_make_scanner: Callable[[Any], Any] = json.scanner.py_make_scanner  # type: ignore[attr-defined]
