"""Rules about what must not be there: programs by their names, and paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from scs_build.evidence.content import Item
from scs_build.evidence.hardening.view import EXECUTE, Found, View
from scs_build.recipes.patterns import Matcher
from scs_build.recipes.policy import PathRule, ProgramRule

_ANYWHERE = "/**/"


class Patterns:
    """Patterns of paths; those that ask for a name in whichever folder are matched on the name alone."""

    def __init__(self, patterns: Iterable[str]) -> None:
        anywhere: list[str] = []
        others: list[str] = []
        for pattern in patterns:
            name = pattern.removeprefix(_ANYWHERE)
            (others if "/" in name else anywhere).append(name if "/" not in name else pattern)
        self._names, self._paths = Matcher(anywhere), Matcher(others)

    def match(self, path: str) -> bool:
        """Return whether one of them matches `path` (no leading slash)."""
        name = path.rpartition("/")[2]
        return self._names.first(name) is not None or self._paths.first(path) is not None


def programs(view: View, rule: ProgramRule) -> Iterator[Found]:
    """Find programs of these names; a link counts when what it leads to has another name."""
    names = Matcher(rule.programs)
    for item in view.startable:
        if names.first(item.path.rpartition("/")[2]) is None:
            continue
        target = view.resolved(item.path) if item.type == "link" else item
        if target is None or target.type not in ("file", "hardlink") or not target.mode & EXECUTE:
            continue
        other = target.path.rpartition("/")[2]
        if target is item:
            yield Found(item.path, "is there")
        elif names.first(other) is None:
            yield Found(item.path, f"is there, as a link to /{target.path}")
    yield from paths(view, PathRule(requires=rule.requires, reason=rule.reason, paths=rule.paths))


def paths(view: View, rule: PathRule) -> Iterator[Found]:
    """Find these paths; where they may be empty, only files with something in them."""
    patterns = Patterns(rule.paths)
    for item in view.items.values():
        if patterns.match(item.path) and not (rule.filled and _is_empty(item)):
            yield Found(item.path, f"is there ({item.size} bytes)" if item.type == "file" else "is there")


def _is_empty(item: Item) -> bool:
    return item.type not in ("file", "hardlink") or (item.type == "file" and not item.size)
