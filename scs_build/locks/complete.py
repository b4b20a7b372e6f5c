"""Reading a lock for resolving and checking, which look at what only lines of one kind have."""

from __future__ import annotations

from pathlib import Path

from scs_build.errors import Location, LockError
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.kinds import INPUTS
from scs_build.locks.files import AGAIN, artefact_rows, read_lock
from scs_build.locks.models import Lock
from scs_build.recipes.scalars import shorten

# What lines hold beside texts, whatever their kind.
TYPES = {"essential": bool, "extras": list, "requires": list, "strip": int, "unpack": bool}


def read_complete(path: Path, platform: str) -> Lock:
    """Read the lock of one platform as `read_lock` does, every line with all that its kind has.

    Raises `LockError` also for a line of which something is missing or of another type.
    """
    lock = read_lock(path, platform)
    for number, line in enumerate(lock.artefacts):
        if problem := _problem(line):
            where = Location(str(path), artefact_rows(path, platform)[number])
            raise LockError(f"{line.name}: {problem}", where=where, solution=AGAIN)
    return lock


def _problem(line: Artefact) -> str:
    kind = INPUTS.get(line.kind)
    if kind is None:
        return f"there is no kind of input `{shorten(line.kind)}`"
    for field in kind.fields:
        if field not in line.data:
            return f"the field `{field}` is missing"
    for field, value in line.data.items():
        if type(value) is not TYPES.get(field, str):
            return f"the field `{shorten(field)}` has a value of another type than it must have"
    return ""
