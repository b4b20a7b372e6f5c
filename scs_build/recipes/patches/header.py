"""The header of a patch, in the form of Debian's DEP-3: what it mends, where it went, when it is in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from scs_build.errors import Location, RecipeError

FIELDS = ("Description", "Bug", "CVE", "Upstream", "Forwarded", "Merged-In")
NOT_YET = "not yet"
ENDS = ("--- ", "diff ")
_LINE = re.compile(r"([A-Za-z-]+):\s*(\S.*)?")
_URL = re.compile(r"https?://[^\s@]+")
MEANING = {
    "Bug": (_URL, "a URL"),
    "CVE": (re.compile(r"CVE-\d{4}-\d{4,}(, CVE-\d{4}-\d{4,})*"), "CVE ids, separated by commas"),
    "Upstream": (_URL, "the URL of the change"),
    "Forwarded": (re.compile(r"no, .{10,}"), "`no, ` and the reason"),
    "Merged-In": (re.compile(rf"{NOT_YET}|\S+"), f"the first version that has the change, or `{NOT_YET}`"),
}
# Of each of these fields one must be there; what they say together.
NEEDED = {
    ("Description",): "what it does",
    ("Bug", "CVE"): "what it mends",
    ("Upstream", "Forwarded"): "the change upstream, or why there is none",
    ("Merged-In",): "the first version that has the change",
}


@dataclass(frozen=True)
class Header:
    """What a patch says of itself; empty is what it does not say. `lines` is how many lines it takes."""

    description: str
    bug: str
    cve: tuple[str, ...]
    upstream: str
    forwarded: str
    merged_in: str
    merged_line: int
    lines: int


def read_header(lines: Sequence[str], shown: str) -> Header:
    """Read the lines before the diff; raises `RecipeError` where a field is missing or not valid."""
    found: dict[str, tuple[int, str]] = {}
    last = ""
    end = next((n for n, line in enumerate(lines) if not line.strip() or line.startswith(ENDS)), len(lines))
    for number, line in enumerate(lines[:end], 1):
        if line[0] in " \t" and last:
            found[last] = (found[last][0], f"{found[last][1]} {line.strip()}")
            continue
        last, text = _field(line, Location(shown, number))
        if last in found:
            raise RecipeError(f"{last} is there twice", where=Location(shown, number))
        found[last] = (number, text)
    _check(found, shown)
    values = {name: found.get(name, (0, ""))[1] for name in FIELDS}
    return Header(
        description=values["Description"], bug=values["Bug"], upstream=values["Upstream"],
        cve=tuple(filter(None, values["CVE"].split(", "))), forwarded=values["Forwarded"],
        merged_in=values["Merged-In"], merged_line=found["Merged-In"][0], lines=end,
    )  # fmt: skip


def _field(line: str, where: Location) -> tuple[str, str]:
    match = _LINE.fullmatch(line.rstrip())
    if match is None or match[1] not in FIELDS or not match[2]:
        raise RecipeError(
            f"`{line.strip()[:60]}` is no field of a header",
            where=where,
            solution=f"there are: {', '.join(FIELDS)}; an empty line ends the header",
        )
    return match[1], match[2]


def _check(found: dict[str, tuple[int, str]], shown: str) -> None:
    for names, what in NEEDED.items():
        if not any(name in found for name in names):
            name = " or ".join(names)
            raise RecipeError(
                f"the header has no {name}: {what}", where=Location(shown, 1), solution=_solution(names)
            )
    for name, (number, text) in found.items():
        pattern, meaning = MEANING.get(name, (None, ""))
        if pattern and not pattern.fullmatch(text):
            raise RecipeError(f"{name} must be {meaning}", where=Location(shown, number))


def _solution(names: Sequence[str]) -> str:
    meant = (f"{name}: {MEANING[name][1] if name in MEANING else 'one line'}" for name in names)
    return f"write {' or '.join(meant)}"
