"""Unified diffs, read strictly and applied exactly: every line where it is said to be, or an error."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from scs_build.errors import Location, RecipeError

HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
NOTHING = "/dev/null"
# What git writes around a diff that changes nothing but text.
HARMLESS = (b"diff ", b"index ", b"new file mode 100644", b"deleted file mode ")
ALREADY = "is in what it would be applied to already"


@dataclass(frozen=True)
class Hunk:
    """A changed place: `old` lines from line `old_at` become `new` lines, from 1; lines keep their ends."""

    line: int
    old_at: int
    new_at: int
    old: list[bytes] = field(default_factory=list)
    new: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class FileDiff:
    """The changes of one file; None stands for no file: it is made, or removed."""

    line: int
    old: str | None
    new: str | None
    hunks: list[Hunk] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The file that is changed."""
        return self.new or self.old or ""


class _Reader:
    """Reads the lines of a diff; `skip` is how many lines of the file come before it."""

    def __init__(self, data: bytes, skip: int, shown: str) -> None:
        self._lines = io.BytesIO(data).readlines()
        self._at, self._shown = skip, shown

    def error(self, reason: str, line: int | None = None) -> RecipeError:
        where = Location(self._shown, line or self._at + 1)
        return RecipeError(reason, where=where, solution="make it with `diff -u` or `git diff`")

    def _next(self) -> bytes:
        return self._lines[self._at] if self._at < len(self._lines) else b""

    def files(self) -> list[FileDiff]:
        found: list[FileDiff] = []
        while line := self._next():
            if line.startswith(b"--- "):
                found.append(self._file())
            elif line.strip() and not line.startswith(HARMLESS):
                raise self.error("this is no part of a diff of texts: only what files hold can be patched")
            else:
                self._at += 1
        if not found:
            raise self.error("there is no diff after the header")
        return found

    def _file(self) -> FileDiff:
        begin = self._at + 1
        old = self._path(b"--- ")
        new = self._path(b"+++ ")
        if old is None and new is None:
            raise self.error("it names no file", begin)
        if old and new and old != new:
            raise self.error(f"{old} becomes {new}: a patch cannot rename", begin)
        diff = FileDiff(begin, old, new)
        while self._next().startswith(b"@@ "):
            diff.hunks.append(self._hunk())
        if not diff.hunks:
            raise self.error("there is no hunk (@@) where one must be")
        return diff

    def _path(self, mark: bytes) -> str | None:
        line = self._next()
        if not line.startswith(mark):
            raise self.error(f"this must begin with `{mark.decode()}`")
        try:
            text = line[len(mark) :].split(b"\t")[0].decode().rstrip("\n")
        except UnicodeDecodeError as error:
            raise self.error("the name of the file is not UTF-8") from error
        if text == NOTHING:
            self._at += 1
            return None
        _, _, path = text.partition("/")
        if not path or {"", ".", ".."} & set(path.split("/")):
            raise self.error(f"`{text}` is not a path below one folder, such as a/{text or 'file'}")
        self._at += 1
        return path

    def _hunk(self) -> Hunk:
        match = HUNK.match(self._next())
        if match is None:
            raise self.error("this is not the head of a hunk")
        old_at, old_count, new_at, new_count = (1 if part is None else int(part) for part in match.groups())
        hunk = Hunk(self._at + 1, old_at, new_at)
        self._at += 1
        while len(hunk.old) < old_count or len(hunk.new) < new_count:
            self._line(hunk)
        if self._next().startswith(b"\\ "):
            self._without_end(hunk)
        if (len(hunk.old), len(hunk.new)) != (old_count, new_count):
            raise self.error("the hunk does not have the lines that its head says", hunk.line)
        return hunk

    def _line(self, hunk: Hunk) -> None:
        line = self._next()
        mark, text = line[:1], line[1:]
        if mark == b"\\":
            self._without_end(hunk)
            return
        if mark not in (b" ", b"-", b"+"):
            raise self.error("a hunk ends before it has the lines that its head says")
        if mark != b"+":
            hunk.old.append(text)
        if mark != b"-":
            hunk.new.append(text)
        self._at += 1

    def _without_end(self, hunk: Hunk) -> None:
        """Take the end of the line before, which the file does not have."""
        mark = self._lines[self._at - 1][:1]
        for side in [hunk.old] * (mark in b" -") + [hunk.new] * (mark in b" +"):
            if side:
                side[-1] = side[-1].removesuffix(b"\n")
        self._at += 1


def read_diff(data: bytes, skip: int, shown: str) -> list[FileDiff]:
    """Read the diff in a patch after `skip` lines of header; raises `RecipeError` at what is none."""
    return _Reader(data, skip, shown).files()


def apply(diffs: list[FileDiff], contents: Mapping[str, bytes], shown: str) -> dict[str, bytes | None]:
    """Return the new content of each file, None where it goes; `contents` has the files that are there.

    Raises `RecipeError` at the hunk that does not fit, or that is in the content already.
    """
    changed: dict[str, bytes | None] = {}
    for diff in diffs:
        before = changed.get(diff.path, contents.get(diff.path))
        changed[diff.path] = _changed(diff, before, shown)
    return changed


def _changed(diff: FileDiff, before: bytes | None, shown: str) -> bytes | None:
    where = Location(shown, diff.line)
    if diff.old is None:
        made = b"".join(line for hunk in diff.hunks for line in hunk.new)
        if before is None:
            return made
        if before == made:
            raise RecipeError(f"the patch {ALREADY}: {diff.path} is there", where=where, solution=REMOVE)
        raise RecipeError(f"{diff.path} is there already, with other content", where=where)
    if before is None:
        reason = f"there is no file {diff.path}"
        if diff.new is None:
            raise RecipeError(f"the patch {ALREADY}: {reason}", where=where, solution=REMOVE)
        raise RecipeError(reason, where=where, solution="paths begin below the top folder of the sources")
    after = _applied(diff, before, shown)
    if diff.new is None and after:
        raise RecipeError(f"{diff.path} would be removed, and has more lines", where=where)
    return after if diff.new is not None else None


REMOVE = "remove the patch"


def _applied(diff: FileDiff, before: bytes, shown: str) -> bytes:
    lines, done, at = io.BytesIO(before).readlines(), [], 0
    for number, hunk in enumerate(diff.hunks, 1):
        # Without old lines the number is that of the line before.
        begin = hunk.old_at - 1 if hunk.old else hunk.old_at
        if begin < at or lines[begin : begin + len(hunk.old)] != hunk.old:
            raise _misfit(diff, number, hunk, lines, shown)
        done += [*lines[at:begin], *hunk.new]
        at = begin + len(hunk.old)
    return b"".join([*done, *lines[at:]])


def _misfit(diff: FileDiff, number: int, hunk: Hunk, lines: list[bytes], shown: str) -> RecipeError:
    where, begin = Location(shown, hunk.line), max(hunk.new_at - 1, 0)
    if hunk.new and lines[begin : begin + len(hunk.new)] == hunk.new:
        reason = f"the patch {ALREADY}: hunk {number} of {diff.path}"
        return RecipeError(reason, where=where, solution=REMOVE)
    return RecipeError(
        f"hunk {number} of {diff.path} does not apply: its lines are not at line {hunk.old_at}",
        where=where,
        solution="make the patch again from the locked version; nothing is moved or guessed",
    )
