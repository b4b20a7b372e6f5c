"""YAML bytes to plain values with their places, strictly and without recursion.

Built on the events of libyaml: composing nodes recurses in C, so that deep nesting would end the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from scs_build.errors import InputError, Location
from scs_build.recipes.scalars import Scalar, ScalarError, plain_value, quoted_value, shorten

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32

Pointer = tuple[str | int, ...]


class Place(NamedTuple):
    """Line and column, both from 1."""

    line: int
    column: int


class StrictError(Exception):
    """Internal to the room: what is wrong at which place; `read` callers turn it into an `InputError`."""

    def __init__(self, reason: str, place: Place, solution: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.place = place
        self.solution = solution

    def raised_as(self, error: type[InputError], shown: str) -> InputError:
        """Return the error of the family for a file that is shown as `shown`."""
        return error(self.reason, where=Location(shown, *self.place), solution=self.solution)


@dataclass
class Document:
    """The values of a file and where they stand: of each value, and of each key of a mapping."""

    value: Any = None
    values: dict[Pointer, Place] = field(default_factory=dict)
    keys: dict[Pointer, Place] = field(default_factory=dict)

    def place(self, pointer: Pointer, *, key: bool = False) -> Place:
        """Return the place of the nearest thing on the way to `pointer` that the file holds."""
        while pointer:
            found = (key and self.keys.get(pointer)) or self.values.get(pointer)
            if found:
                return found
            pointer, key = pointer[:-1], True
        return self.values.get((), Place(1, 1))


def read(data: bytes) -> Document:
    """Read one document; raises `StrictError` for everything that our files may not hold.

    Not allowed are other encodings than UTF-8, anchors, aliases, tags, merge keys, duplicate keys, several
    documents, words that readers understand differently, and more than `MAX_DEPTH` levels or `MAX_BYTES`.
    """
    _check_text(data)
    builder = _Builder()
    for event in _events(data):
        builder.take(event)
    if not builder.started:
        raise StrictError("the file is empty", Place(1, 1), "write the fields that it must have")
    return builder.document


def _check_text(data: bytes) -> None:
    if len(data) > MAX_BYTES:
        raise StrictError(f"the file is larger than {MAX_BYTES} bytes", Place(1, 1))
    try:
        data.decode()
    except UnicodeDecodeError as error:
        place = _place_of(data, error.start)
        raise StrictError("the file is not valid UTF-8", place, "save it as UTF-8") from error


def _place_of(data: bytes, offset: int) -> Place:
    before = data[:offset]
    line_start = before.rfind(b"\n") + 1
    return Place(before.count(b"\n") + 1, len(before[line_start:].decode(errors="replace")) + 1)


def _events(data: bytes) -> Iterator[Any]:
    try:
        yield from yaml.parse(data, Loader=yaml.CSafeLoader)
    except yaml.reader.ReaderError as error:
        place = _place_of(data, error.position if isinstance(error.position, int) else 0)
        reason = f"the file holds a character that YAML does not allow: {error.reason}"
        raise StrictError(reason, place) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        parts = (part for part in (error.problem, error.context) if part)
        raise StrictError(f"this is not valid YAML: {', '.join(parts)}", place) from error
    except yaml.YAMLError as error:
        raise StrictError(f"this is not valid YAML: {error}", Place(1, 1)) from error


class _Frame:
    """A mapping or list that is still open; `key` is the key whose value comes next."""

    __slots__ = ("key", "pointer", "value")

    def __init__(self, value: dict[str, Any] | list[Any], pointer: Pointer) -> None:
        self.value = value
        self.pointer = pointer
        self.key: str | None = None


class _Builder:
    """Takes events one by one and builds the document."""

    def __init__(self) -> None:
        self.document = Document()
        self.started = False
        self._open: list[_Frame] = []

    def take(self, event: Any) -> None:
        """Take the next event of the file."""
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._start(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
        elif isinstance(event, yaml.AliasEvent):
            reason = f"the alias *{shorten(event.anchor)} is not allowed"
            raise StrictError(reason, _start(event), "write the value out")
        elif isinstance(event, yaml.DocumentStartEvent):
            if self.started:
                raise StrictError("a second document begins here", _start(event), "remove the line `---`")
            self.started = True

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        place = _start(event)
        self._check_properties(event, place)
        try:
            value: Scalar = plain_value(event.value) if event.implicit[0] else quoted_value(event.value)
        except ScalarError as error:
            raise StrictError(str(error), place, error.solution) from error
        frame = self._open[-1] if self._open else None
        if frame and frame.key is None and isinstance(frame.value, dict):
            self._key(frame, value, place)
        else:
            self._add(value, place)

    def _start(self, event: yaml.CollectionStartEvent) -> None:
        place = _start(event)
        self._check_properties(event, place)
        frame = self._open[-1] if self._open else None
        if frame and frame.key is None and isinstance(frame.value, dict):
            raise StrictError("a key must be a text", place, "write the key as one word or in quotes")
        if len(self._open) == MAX_DEPTH:
            raise StrictError(f"more than {MAX_DEPTH} levels are nested here", place)
        value: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._open.append(_Frame(value, self._add(value, place)))

    @staticmethod
    def _check_properties(event: yaml.NodeEvent, place: Place) -> None:
        if event.anchor is not None:
            reason = f"the anchor &{shorten(event.anchor)} is not allowed"
            raise StrictError(reason, place, "write every value out")
        if getattr(event, "tag", None) is not None:
            tag = shorten(getattr(event, "tag", ""))
            raise StrictError(f"the tag {tag} is not allowed", place, "write the value without it")

    def _key(self, frame: _Frame, value: Scalar, place: Place) -> None:
        if not isinstance(value, str):
            shown = str(value).lower()
            raise StrictError(f"the key `{shown}` is not a text", place, f'write it in quotes: "{shown}"')
        pointer = (*frame.pointer, value)
        if value in frame.value:
            first = self.document.keys[pointer]
            reason = f"the key `{shorten(value)}` is there twice, first in line {first.line}"
            raise StrictError(reason, place, "remove one of them")
        self.document.keys[pointer] = place
        frame.key = value

    def _add(self, value: Any, place: Place) -> Pointer:
        pointer: Pointer = ()
        frame = self._open[-1] if self._open else None
        if frame is None:
            self.document.value = value
        elif isinstance(frame.value, list):
            pointer = (*frame.pointer, len(frame.value))
            frame.value.append(value)
        elif frame.key is not None:
            pointer = (*frame.pointer, frame.key)
            frame.value[frame.key] = value
            frame.key = None
        self.document.values[pointer] = place
        return pointer


def _start(event: Any) -> Place:
    mark = event.start_mark
    return Place(mark.line + 1, mark.column + 1)
