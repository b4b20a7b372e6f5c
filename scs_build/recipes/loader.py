"""The one way in which files that people write are read: strict YAML, typed, errors with file:line:column."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from scs_build.errors import FormatError, InputError, Location, RecipeError
from scs_build.files import NotRegularError, read_regular
from scs_build.recipes.document import Document, Pointer, StrictError, read
from scs_build.recipes.explain import Problem, explain

M = TypeVar("M", bound=BaseModel)

MAX_LISTED = 8


def load(path: Path, model: type[M], *, shown: str | None = None, error: type[InputError] = RecipeError) -> M:
    """Read the YAML file `path` as `model`; errors name the file as `shown` (else `path`).

    Raises `error` with a location for whatever is wrong in the file or when there is none, and `FormatError`
    when its `format` is newer than the model's. Other failures to read are the machine's: `OSError`.
    """
    shown = shown or str(path)
    return parse(read_bytes(path, shown, error), model, shown, error=error)


def read_bytes(path: Path, shown: str, error: type[InputError] = RecipeError) -> bytes:
    """Return the content of a file that must be there; raises `error` when it is not."""
    try:
        return read_regular(path)
    except NotRegularError as failure:
        raise error(str(failure), where=Location(shown)) from failure
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as failure:
        raise error("there is no such file", where=Location(shown)) from failure


def parse(data: bytes, model: type[M], shown: str, *, error: type[InputError] = RecipeError) -> M:
    """Read the bytes of a YAML file as `model`; see `load`."""
    try:
        document = read(data)
    except StrictError as failure:
        raise failure.raised_as(error, shown) from failure
    _check_format(document, model, shown, error)
    try:
        # By way of JSON: strict validation of Python values would take no list for a tuple.
        return model.model_validate_json(json.dumps(document.value))
    except ValidationError as failure:
        problems = explain(failure.errors(include_url=False), model, document)
        raise _combined(problems, shown, error) from failure


def locate(data: bytes, shown: str, pointer: Pointer, *, key: bool = False) -> Location:
    """Return where a value (or its key) stands in a file that was read before without an error."""
    return Location(shown, *read(data).place(pointer, key=key))


def _check_format(document: Document, model: type[BaseModel], shown: str, error: type[InputError]) -> None:
    fields = document.value if isinstance(document.value, dict) else {}
    found: Any = fields.get("format")
    known = model.model_fields.get("format")
    if known is None or not isinstance(found, int):
        return
    where = Location(shown, *document.place(("format",)))
    if isinstance(found, bool):  # equals 1 or 0, which the model would take
        raise error("format: must be a whole number, not a boolean", where=where)
    newest = max(get_args(known.annotation))
    if found > newest:
        raise FormatError(
            f"the file has format {found}; this release reads up to format {newest}",
            where=where,
            solution="use a newer release of scs-build",
        )


def _combined(problems: list[Problem], shown: str, error: type[InputError]) -> InputError:
    """Return the first problem of the file as the error, with the others listed after it."""
    # What is missing comes last: a misspelt field is both unknown and missing, and the first says more.
    first, *others = sorted(problems, key=lambda problem: (problem.absent, problem.place))
    lines = [first.reason]
    if others:
        lines.append(f"and {len(others)} more:")
        lines += [f"  {Location(shown, *other.place)}: {other.reason}" for other in others[:MAX_LISTED]]
    if len(others) > MAX_LISTED:
        lines.append("  ...")
    return error("\n".join(lines), where=Location(shown, *first.place), solution=first.solution)
