"""Path patterns: `*` within a name, `**` over folders, `{a,b}` one of several."""

from __future__ import annotations

import re
from collections.abc import Iterable

_TOKEN = re.compile(r"\*\*|\*|\{[^{}]*\}|[{}]|[^*{}]+")


def pattern_regex(pattern: str) -> str:
    """Return the regular expression of a pattern for paths without a leading slash.

    `a/**` is everything below a, `a/**/b` also a/b. `*` does not spare names that begin with a dot. Raises
    ValueError where it is not a pattern.
    """
    parts = pattern.removeprefix("/").split("/")
    if not all(parts) or {".", ".."} & set(parts):
        raise ValueError(f"`{pattern}` is not a path pattern: between its slashes is nothing, `.` or `..`")
    if any("**" in part and part != "**" for part in parts):
        raise ValueError(f"`{pattern}` is not a path pattern: `**` must stand alone between slashes")
    *folders, last = parts
    # Two `**` in a row mean the same as one and would only make matching slow.
    pairs = zip(folders, parts[1:], strict=True)
    kept = [part for part, following in pairs if (part, following) != ("**", "**")]
    head = "".join("(?:[^/]+/)*" if part == "**" else f"{_name_regex(part, pattern)}/" for part in kept)
    return head + (".+" if last == "**" else _name_regex(last, pattern))


def _name_regex(name: str, pattern: str) -> str:
    return "".join(_token_regex(token, pattern) for token in _TOKEN.findall(name))


def _token_regex(token: str, pattern: str) -> str:
    if token == "*":
        return "[^/]*"
    if token in ("{", "}"):
        raise ValueError(f"`{pattern}` is not a path pattern: braces must come in pairs, within one name")
    if token.startswith("{"):
        choices = (_name_regex(choice, pattern) for choice in token[1:-1].split(","))
        return f"(?:{'|'.join(choices)})"
    return re.escape(token)


def may_match_below(pattern: str, folder: str) -> bool:
    """Tell whether a pattern can match a path below a folder: always true where it does."""
    parts, names = pattern.removeprefix("/").split("/"), folder.strip("/").split("/")
    for part, name in zip(parts, names, strict=False):
        if part == "**":
            return True
        if not re.fullmatch(_name_regex(part, pattern), name, re.DOTALL):
            return False
    return len(parts) > len(names)


class Matcher:
    """Many patterns as one: which is the first that matches a path?

    `matched` are the indices of those that ever were.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        groups = [f"({pattern_regex(pattern)})" for pattern in patterns]
        # Without patterns nothing may match; an empty alternation would match the empty path.
        self._match = re.compile("|".join(groups) or r"(?!)", re.DOTALL).fullmatch
        self.matched: set[int] = set()

    def first(self, path: str) -> int | None:
        """Return the index of the first pattern that matches `path` (no leading slash), or None."""
        found = self._match(path)
        if found is None or found.lastindex is None:
            return None
        self.matched.add(found.lastindex - 1)
        return found.lastindex - 1
