"""The configuration of a stack: Jinja2 templates of one small file of values and of generated secrets."""

from __future__ import annotations

import secrets
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from scs_build.errors import InputError, Location
from scs_build.recipes.loader import load
from scs_build.recipes.models import Model, Name

TEMPLATE = ".j2"
# Letters and digits only: a secret also stands in connection URLs and SQL.
SECRET_BYTES = 24


class Values(Model):
    """What a site would change about a stack: `values.yaml` beside its Compose file."""

    format: Literal[1]
    values: dict[Name, str | int | bool]


def read_values(path: Path) -> dict[str, str | int | bool]:
    """Read the values of a stack; raises `InputError` with the place of what is wrong."""
    return load(path, Values, error=InputError).values


def generate_secret() -> str:
    """Return a new secret: 48 hexadecimal digits of 192 random bits."""
    return secrets.token_hex(SECRET_BYTES)


def render(path: Path, values: Mapping[str, object], secret_values: Mapping[str, str]) -> bytes:
    """Return the content of a configuration file: that of `path`, or of the template `path.j2`.

    Templates see `values` and `secrets`. Raises `InputError` for a file that is not there, a template
    that is not valid and a name without a value.
    """
    template = path.with_name(path.name + TEMPLATE)
    if not template.is_file():
        if path.is_file():
            return path.read_bytes()
        raise InputError("there is no such file, and no template of it", where=Location(str(path)))
    return _rendered(template, {"values": dict(values), "secrets": dict(secret_values)})


def rendered(
    source: Path, values: Mapping[str, object], secret_values: Mapping[str, str]
) -> Iterator[tuple[Path, bytes]]:
    """Yield the files that `source` stands for by their place below it: a file's own is `Path()`."""
    if not source.is_dir():
        yield Path(), render(source, values, secret_values)
        return
    for path in sorted(source.iterdir()):
        plain = path.with_name(path.name.removesuffix(TEMPLATE))
        for relative, content in rendered(plain, values, secret_values):
            yield plain.name / relative, content


def _rendered(template: Path, context: Mapping[str, object]) -> bytes:
    import jinja2

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    try:
        code = environment.compile(template.read_text(), filename=str(template))
        return jinja2.Template.from_code(environment, code, environment.globals).render(context).encode()
    except jinja2.TemplateSyntaxError as error:
        raise InputError(str(error.message), where=Location(str(template), error.lineno)) from error
    except (jinja2.TemplateError, TypeError, ValueError, ZeroDivisionError) as error:
        where = Location(str(template), _line_of(error, template))
        raise InputError(f"the template cannot be rendered: {error}", where=where) from error


def _line_of(error: BaseException, template: Path) -> int | None:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(template)]
    return frames[-1].lineno if frames else None
