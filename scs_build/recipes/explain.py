"""Validation errors of pydantic in our words: the field, what is allowed, the near miss."""

from __future__ import annotations

import types
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from scs_build.recipes.document import Document, Place, Pointer
from scs_build.recipes.models import PATTERN_MEANING
from scs_build.recipes.scalars import shorten

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_EXPECTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
# What a limit that pydantic names asks for; `{}` is the limit.
_LIMITS = {
    "greater_than_equal": ("ge", "must be at least {}"),
    "greater_than": ("gt", "must be more than {}"),
    "less_than_equal": ("le", "must be at most {}"),
    "less_than": ("lt", "must be less than {}"),
    "too_short": ("min_length", "must have at least {} entr{y}"),
    "too_long": ("max_length", "must have at most {} entr{y}"),
    "string_too_short": ("min_length", "must have at least {} character{s}"),
    "string_too_long": ("max_length", "must have at most {} character{s}"),
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a file."""

    place: Place
    reason: str
    solution: str | None = None
    absent: bool = False


def near_miss(word: object, allowed: list[str]) -> str | None:
    """Return the allowed word that `word` most likely was meant to be."""
    from difflib import get_close_matches

    found = get_close_matches(str(word).lower(), allowed, n=1, cutoff=0.6)
    return found[0] if found else None


def series_apart(word: str, known: Collection[str]) -> str | None:
    """Return what to do about a name with its series behind an @, which only `diff` takes."""
    name, _, series = word.partition("@")
    return f"name the series apart: {name} --series {series}" if series and name in known else None


def allowed_hint(word: object, allowed: list[str]) -> str:
    """Return what to do about a word that is none of the allowed ones."""
    near = near_miss(word, allowed)
    meant = f"did you mean `{near}`? " if near else ""
    return f"{meant}allowed: {', '.join(allowed)}"


def explain(errors: list[ErrorDetails], model: type[BaseModel], document: Document) -> list[Problem]:
    """Return validation errors as problems at their places in the document.

    Of a value that may be of several types each type complains: that is one problem.
    """
    problems, unions = [], dict[Pointer, list["ErrorDetails"]]()
    for details in errors:
        pointer = tuple(details["loc"])
        value = pointer[:-1]
        unwritten = value in document.values and pointer not in document.values
        if details["type"] in _EXPECTED and unwritten:
            unions.setdefault(value, []).append(details)
        else:
            problems.append(_explain(details, model, document))
    for value, told in unions.items():
        expected = " or ".join(dict.fromkeys(_EXPECTED[details["type"]] for details in told))
        problems.append(_wrong_type(value, document, told[0]["input"], expected))
    return problems


def _explain(details: ErrorDetails, model: type[BaseModel], document: Document) -> Problem:
    pointer = tuple(details["loc"])
    if pointer[-1:] == ("[key]",):
        key = pointer[-2]
        return Problem(
            document.place(pointer[:-1], key=True),
            f"{dotted(pointer[:-2])}: the key {_constraint(key, details)}",
        )
    match details["type"]:
        case "missing":
            return _missing(pointer, document)
        case "extra_forbidden":
            return _extra(pointer, model, document)
        case "literal_error":
            return _literal(pointer, model, document, details["input"])
        case kind if kind in _EXPECTED:
            return _wrong_type(pointer, document, details["input"], _EXPECTED[kind])
        case _:
            pointer = _written(pointer, document)
            reason = f"{dotted(pointer)}: {_constraint(details['input'], details)}"
            # A check of a whole mapping stands at its key, one of a value at the value.
            return Problem(document.place(pointer, key=isinstance(details["input"], dict)), reason)


def dotted(pointer: Pointer) -> str:
    """Return a field path such as `services.keystone.ports[0]`."""
    text = ""
    for part in pointer:
        text += f"[{part}]" if isinstance(part, int) else f".{shorten(part)}"
    return text.removeprefix(".") or "the file"


def _written(pointer: Pointer, document: Document) -> Pointer:
    """Return the part of a pointer that somebody wrote: a model may give a short form a longer one."""
    while pointer and document.values and pointer not in document.values:
        pointer = pointer[:-1]
    return pointer


def _missing(pointer: Pointer, document: Document) -> Problem:
    *parents, field = pointer
    reason = f"{dotted(tuple(parents))}: the field `{field}` is missing"
    return Problem(document.place(tuple(parents), key=True), reason, f"add `{field}: ...`", absent=True)


def _extra(pointer: Pointer, model: type[BaseModel], document: Document) -> Problem:
    *parents, field = pointer
    owner = _annotation_at(model, tuple(parents))
    allowed = list(owner.model_fields) if isinstance(owner, type) and issubclass(owner, BaseModel) else []
    reason = f"{dotted(tuple(parents))}: there is no field `{shorten(field)}`"
    return Problem(document.place(pointer, key=True), reason, allowed_hint(field, allowed))


def _literal(pointer: Pointer, model: type[BaseModel], document: Document, value: object) -> Problem:
    annotation = _annotation_at(model, pointer)
    allowed = [str(choice) for choice in get_args(annotation)] if get_origin(annotation) is Literal else []
    reason = f"{dotted(pointer)}: `{shorten(value)}` is not allowed"
    if isinstance(value, str) and all(isinstance(choice, int) for choice in get_args(annotation)):
        wrong = _wrong_type(pointer, document, value, "a whole number")
        return replace(wrong, solution=f"write it without quotes: {value}" if value in allowed else None)
    return Problem(document.place(pointer), reason, allowed_hint(value, allowed))


def _wrong_type(pointer: Pointer, document: Document, value: object, expected: str) -> Problem:
    reason = f"{dotted(pointer)}: must be {expected}, not {_kind(value)}"
    solution = None
    if expected == "a text" and isinstance(value, int):
        solution = f'write it in quotes: "{str(value).lower()}"'
    elif expected == "a list" and isinstance(value, str | int):
        solution = f"write it in brackets: [{shorten(value)}]"
    return Problem(document.place(pointer), reason, solution)


def _kind(value: object) -> str:
    match value:
        case bool():
            return f"the boolean {str(value).lower()}"
        case int():
            return f"the number {value}"
        case str():
            return f"the text `{shorten(value)}`"
        case dict():
            return "a mapping"
        case _:
            return "a list"


def _constraint(value: object, details: ErrorDetails) -> str:
    """Say which constraint a value breaks."""
    context = details.get("ctx", {})
    if details["type"] == "value_error":
        return str(context["error"])
    if details["type"] == "string_pattern_mismatch":
        pattern = str(context["pattern"])
        return f"`{shorten(value)}` is not {PATTERN_MEANING.get(pattern, f'of the form {pattern}')}"
    shown = f"`{shorten(value)}` " if isinstance(value, str | int) else ""
    if limit := _LIMITS.get(details["type"]):
        name, text = limit
        one = context[name] == 1
        return shown + text.format(context[name], s="" if one else "s", y="y" if one else "ies")
    message = details["msg"].replace("Input should", "must").replace("Value", "the value")
    return f"{shown}is not allowed: {message[0].lower()}{message[1:]}"


def _annotation_at(model: type[BaseModel], pointer: Pointer) -> Any:
    """Return the type that the model gives to the value at `pointer`, None where it gives none."""
    annotation: Any = model
    for part in pointer:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            found = annotation.model_fields.get(str(part))
            annotation = found.annotation if found else None
        else:
            arguments = get_args(annotation)
            mapping = get_origin(annotation) is dict
            annotation = (arguments[1] if mapping else arguments[0]) if arguments else None
        annotation = _bare(annotation)
    return annotation


def _bare(annotation: Any) -> Any:
    """Return a type without `Annotated` and `| None`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _bare(get_args(annotation)[0])
    if origin in (types.UnionType, Union):
        return _bare(next(arg for arg in get_args(annotation) if arg is not type(None)))
    return annotation
