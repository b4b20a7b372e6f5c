"""Requirements (PEP 508) and version specifiers (PEP 440) as people write them, checked when read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scs_build.recipes.scalars import shorten

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
_CLAUSE = r"((==|!=|<=|>=|<|>) ?[0-9]+(\.[0-9]+)*|~= ?[0-9]+(\.[0-9]+)+)"
_SPECIFIER = rf"{_CLAUSE}(, ?{_CLAUSE})*"
# What most people write most of the time, as a pattern: to load the parser takes as long as half a plan of
# all images. Whatever does not match is left to it.
PLAIN_SPECIFIER = re.compile(_SPECIFIER)
PLAIN_REQUIREMENT = re.compile(rf"{_NAME}(\[{_NAME}(, ?{_NAME})*\])? ?({_SPECIFIER})?")
PLAIN_CONSTRAINT = re.compile(
    rf"{_NAME}===(?P<version>[0-9][A-Za-z0-9.+!-]*)(?P<marker>;python_version[<>=]='[0-9.]+')?"
)


def parse_requirement(text: str) -> Requirement:
    """Parse a requirement on what an index offers; raises ValueError with the reason."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"`{shorten(text)}` is not a requirement: {reason}") from error
    if requirement.url:
        raise ValueError(
            f"`{shorten(text)}` names a place: where a version comes from is configuration of the site"
        )
    return requirement


def checked_requirement(text: str) -> str:
    """Return a requirement as it is; raises ValueError where it is none."""
    if not PLAIN_REQUIREMENT.fullmatch(text):
        parse_requirement(text)
    return text


def checked_specifier(text: str) -> str:
    """Return a version specifier as it is; raises ValueError where it is none."""
    if not PLAIN_SPECIFIER.fullmatch(text):
        from packaging.specifiers import InvalidSpecifier, SpecifierSet

        try:
            SpecifierSet(text)
        except InvalidSpecifier as error:
            raise ValueError(f"`{shorten(text)}` is not a version specifier such as ~=29.0") from error
    return text


def pinned(constraint: str) -> str | None:
    """Return the one version that a line of constraints allows, None where it says something else.

    Raises ValueError where it is no requirement.
    """
    if found := PLAIN_CONSTRAINT.fullmatch(constraint):
        return None if found["marker"] else found["version"]
    parse_requirement(constraint)
    return None
