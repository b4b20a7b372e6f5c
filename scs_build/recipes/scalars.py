"""Which values an unquoted word may have in our YAML: a text, a whole number, true or false."""

from __future__ import annotations

import re

import yaml

_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")
# What other readers of YAML take for a number or a boolean although PyYAML does not.
_AMBIGUOUS = re.compile(r"[yYnN]|0o[0-7]+|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")

_RESOLVERS: dict[str, list[tuple[str, re.Pattern[str]]]] = yaml.SafeLoader.yaml_implicit_resolvers
_WHAT = {
    "tag:yaml.org,2002:float": "a number with a fraction",
    "tag:yaml.org,2002:int": "a number in another notation",
    "tag:yaml.org,2002:timestamp": "a date",
    "tag:yaml.org,2002:merge": "a merge key",
    "tag:yaml.org,2002:value": "a special key",
}

Scalar = str | int | bool


class ScalarError(ValueError):
    """A word that would not mean what it seems to mean; `solution` says how to write it."""

    def __init__(self, reason: str, solution: str) -> None:
        super().__init__(reason)
        self.solution = solution


def shorten(value: object) -> str:
    """Return a value as it can be shown in one line of an error."""
    text = value if isinstance(value, str) else str(value)
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= 60 else f"{text[:57]}..."


def quoted_value(text: str) -> str:
    """Check the value of a quoted or block scalar: any text without control characters."""
    if found := _CONTROL.search(text):
        raise ScalarError(f"the text holds the control character U+{ord(found[0]):04X}", "leave it out")
    return text


def plain_value(text: str) -> Scalar:
    """Return the value of an unquoted word; raises `ScalarError` where readers of YAML disagree on it."""
    if text == "true" or text == "false":
        return text == "true"
    if _WHOLE_NUMBER.fullmatch(text):
        return int(text)
    if _AMBIGUOUS.fullmatch(text):
        raise _ambiguous(text, "a number or a boolean")
    for tag, pattern in _RESOLVERS.get(text[:1], ()):
        if pattern.match(text):
            raise _misread(text, tag)
    return quoted_value(text)


def _misread(text: str, tag: str) -> ScalarError:
    if tag.endswith(":null"):
        return ScalarError(
            "a value is missing here",
            'leave the field out, or write "" for an empty text, [] for an empty list; a text with a comma'
            " needs quotes between { and }",
        )
    if tag.endswith(":bool"):
        meant = "true" if text.lower() in ("true", "yes", "on") else "false"
        return ScalarError(
            f"`{text}` is not written as a boolean here",
            f'write {meant} for the boolean, or "{text}" in quotes for the text',
        )
    return _ambiguous(text, _WHAT.get(tag, "something else than a text"))


def _ambiguous(text: str, what: str) -> ScalarError:
    shown = shorten(text)
    return ScalarError(f"`{shown}` without quotes would be read as {what}", f'write it in quotes: "{shown}"')
