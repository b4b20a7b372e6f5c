"""Lock files: JSON, one artefact per line, one byte sequence for one lock."""

from __future__ import annotations

import errno
import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scs_build.errors import FormatError, Location, LockError
from scs_build.files import NotRegularError, read_regular, write_whole
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.asked import Asked
from scs_build.inputs.kinds import INPUTS
from scs_build.locks.models import FORMAT, UNASKED, Lock
from scs_build.recipes.scalars import shorten
from scs_build.strict_json import JsonError, read_json

HEAD = ("kind", "name", "version", "role", "sha256", "size")
# What lines hold beside texts, whatever their kind.
TYPES = {"essential": bool, "extras": list, "requires": list, "strip": int, "unpack": bool}
SHA256 = re.compile(r"[0-9a-f]{64}")
# There is something under the name of the file, and it cannot be read: a folder, a link to itself.
NO_FILE = (errno.EISDIR, errno.ENOTDIR, errno.ELOOP)
# Whoever locks more than a terabyte has made a mistake, and the disk would be called too small.
MAX_SIZE = 1 << 40
GAP = re.compile(r"[\s,]*")
DECODER = json.JSONDecoder()


def lock_path(folder: Path, series: str) -> Path:
    """Return where the lock of a series lies in a component's folder."""
    return folder / "lock" / f"{series}.json"


def read_lock(path: Path, platform: str) -> Lock:
    """Read the lock of one platform (such as `linux/amd64`).

    Raises `FormatError` for a newer format, `LockError` where file or platform is missing or not valid.
    """
    document = _load(path)
    platforms = document["platforms"]
    if platform not in platforms:
        solution = f"lock it with `{_command(path)} --platform {platform}`"
        raise LockError(f"holds no lock for {platform}", where=Location(str(path)), solution=solution)
    numbered = enumerate(platforms[platform])
    artefacts = tuple(_artefact(path, platform, number, line) for number, line in numbered)
    asked = document.get("asked", {}).get(platform)
    made_for = None if asked is None else {field: tuple(texts) for field, texts in asked.items()}
    return Lock(document["image"], document["series"], platform, artefacts, made_for)


def read_own_lock(path: Path, platform: str) -> Lock:
    """Do as `read_lock`, and refuse the lock of another image or series than that where it lies."""
    lock = read_lock(path, platform)
    if (lock.image, lock.series) != (path.parent.parent.name, path.stem):
        told = f"is the lock of `{shorten(lock.image)}` in `{shorten(lock.series)}`"
        raise LockError(
            f"{told}, and lies where another belongs", where=Location(str(path), 2), solution=_again(path)
        )
    return lock


def has_lock(path: Path, platform: str) -> bool:
    """Tell whether the file is there and holds a lock for the platform; raises as `read_lock` does."""
    return path.exists() and platform in _load(path)["platforms"]


def write_lock(path: Path, lock: Lock, *, before: Path | None = None) -> bool:
    """Write a lock, keeping the other platforms of the file; tell whether a byte changed.

    A new file has the other platforms of `before`, whose place it takes.
    """
    source = path if path.exists() or before is None else before
    document = _load(source) if source.exists() else {}
    platforms, asked = document.get("platforms", {}), document.get("asked", {})
    platforms[lock.platform] = [artefact.to_json() for artefact in lock.artefacts]
    asked.pop(lock.platform, None)
    if lock.asked is not None:
        asked[lock.platform] = lock.asked
    data = _dump(lock.image, lock.series, asked, platforms)
    if path.exists() and path.read_bytes() == data:
        return False
    write_whole(path, data)
    return True


def _dump(
    image: str, series: str, asked: Mapping[str, Asked], platforms: Mapping[str, list[dict[str, Any]]]
) -> bytes:
    """Return the file: a row for each field of what was asked for, and one for each artefact."""
    blocks = []
    for platform, lines in sorted(platforms.items()):
        texts = (json.dumps(_ordered(line), ensure_ascii=False) for line in sorted(lines, key=_order))
        rows = ",\n".join(f"  {text}" for text in texts)
        blocks.append(f"{json.dumps(platform)}: [\n{rows}\n ]" if rows else f"{json.dumps(platform)}: []")
    # A platform that was locked before locks said it stays as it is until it is locked again.
    told = FORMAT if platforms.keys() <= asked.keys() else UNASKED
    head = f'"format": {told},\n "image": {json.dumps(image)},\n "series": {json.dumps(series)}'
    wishes = ", ".join(f"{json.dumps(platform)}: {_block(each)}" for platform, each in sorted(asked.items()))
    if wishes:
        head += f',\n "asked": {{{wishes}}}'
    return ("{" + head + ',\n "platforms": {' + ", ".join(blocks) + "}}\n").encode()


def _block(asked: Asked) -> str:
    rows = ",\n".join(
        f"  {json.dumps(field)}: {json.dumps(texts, ensure_ascii=False)}" for field, texts in asked.items()
    )
    return f"{{\n{rows}\n }}" if rows else "{}"


def _order(line: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(line.get(key, "")) for key in ("group", "kind", "name", "role"))


def _ordered(line: dict[str, Any]) -> dict[str, Any]:
    rest = sorted(line.keys() - set(HEAD))
    return {key: line[key] for key in (*HEAD, *rest)}


def _load(path: Path) -> dict[str, Any]:
    try:
        document = read_json(read_regular(path))
    except FileNotFoundError as error:
        where = Location(str(path))
        raise LockError("there is no lock", where=where, solution=f"run `{_command(path)}`") from error
    except JsonError as error:
        place = Location(str(path), error.line, error.column)
        raise LockError(error.reason, where=place, solution=_again(path)) from error
    except NotRegularError as error:
        raise LockError(str(error), where=Location(str(path)), solution=_again(path)) from error
    except OSError as error:
        if error.errno not in NO_FILE:
            raise
        raise LockError("is no file", where=Location(str(path)), solution=_again(path)) from error
    problem = _problem(document)
    if problem:
        raise LockError(problem, where=Location(str(path), 1), solution=_again(path))
    if document["format"] > FORMAT:
        raise FormatError(
            f"has format {document['format']}, this release reads up to {FORMAT}",
            where=Location(str(path), 1),
            solution="use a newer scs-build",
        )
    _check_place(path, document["image"], document["series"])
    return dict(document)


def _command(path: Path) -> str:
    """Return the command that writes the lock that belongs where `path` is."""
    return shlex.join(("scs-build", "lock", path.parent.parent.name, "--series", path.stem))


def _again(path: Path) -> str:
    return f"restore it, or remove it and write it again with `{_command(path)}`"


def _check_place(path: Path, image: str, series: str) -> None:
    """A lock that was copied from elsewhere may fit by chance; it is another image's all the same."""
    here = path.parent.parent.name
    if (image, series) != (here, path.stem):
        raise LockError(
            f"is the lock of `{shorten(image)}` in `{shorten(series)}`, and not of `{here}` in `{path.stem}`",
            where=Location(str(path), 1),
            solution=_again(path),
        )


def _problem(document: Any) -> str:
    """Return what is wrong with the outer form of a lock file, or nothing."""
    if not isinstance(document, dict):
        return "is not a JSON object"
    if type(document.get("format")) is not int or document["format"] < 1:
        return "`format` must be a whole number"
    if document["format"] > FORMAT:
        return ""
    for key, kind in (("image", str), ("series", str), ("platforms", dict)):
        if not isinstance(document.get(key), kind):
            return f"`{key}` is missing or of the wrong type"
    bad = [platform for platform, lines in document["platforms"].items() if not isinstance(lines, list)]
    if bad:
        return f"`{bad[0]}` is not a list"
    asked = document.get("asked", {})
    if document["format"] > UNASKED and isinstance(asked, dict):
        for platform in document["platforms"].keys() - asked.keys():
            return f"`asked` does not say what the lock for {platform} was made for"
    valid = isinstance(asked, dict) and all(map(_is_asked, asked.values()))
    return "" if valid else "`asked` does not hold lists of texts, by platform and field"


def _is_asked(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(texts, list) and all(isinstance(text, str) for text in texts) for texts in value.values()
    )


def _artefact(path: Path, platform: str, number: int, line: Any) -> Artefact:
    try:
        artefact = Artefact.from_json(line)
        # Joined, as that is the quickest way to see that all of them are texts.
        "".join((artefact.kind, artefact.name, artefact.version))
        if not SHA256.fullmatch(artefact.sha256):
            raise ValueError("sha256 is not valid")
        if type(artefact.size) is not int or not 0 <= artefact.size < MAX_SIZE:
            raise ValueError("size is not valid")
        if artefact.role not in ("image", "install", "build"):
            raise ValueError(f"role {artefact.role!r} is not known")
        _check_kind(artefact)
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        rows = artefact_rows(path, platform)
        where = Location(str(path), rows[number] if number < len(rows) else None)
        name = line.get("name") if isinstance(line, dict) else None
        shown = shorten(name) if isinstance(name, str) else f"artefact {number + 1}"
        what = f"{shown}: {reason}"
        raise LockError(what, where=where, solution=_again(path)) from error
    return artefact


def _check_kind(artefact: Artefact) -> None:
    """Raise ValueError where a line has not what its kind has; later rooms rely on it."""
    kind = INPUTS.get(artefact.kind)
    if kind is None:
        raise ValueError(f"there is no kind of input `{shorten(artefact.kind)}`")
    values = {"name": artefact.name, "version": artefact.version, **artefact.data}
    for field, form in kind.fields.items():
        value = values.get(field)
        if not isinstance(value, str):
            raise ValueError(f"the field `{field}` is missing, or not a text")
        if not form.fullmatch(value):
            raise ValueError(f"{field}: `{shorten(value)}` is not what a {artefact.kind} has there")
    for field, value in artefact.data.items():
        if type(value) is not TYPES.get(field, str):
            raise ValueError(f"the field `{shorten(field)}` has a value of another type than it must have")
    for field in kind.optional.keys() & values.keys():
        value = values[field]
        if not isinstance(value, str | int) or not kind.optional[field].fullmatch(str(value)):
            raise ValueError(f"{field}: `{shorten(value)}` is not what a {artefact.kind} has there")


def artefact_rows(path: Path, platform: str) -> list[int]:
    """Return the line in which each artefact of a platform begins, from 1, however the file is laid out."""
    text = path.read_text(encoding="utf-8")
    begin = re.search(rf"{re.escape(json.dumps(platform))}\s*:\s*\[", text)
    rows, at = [], GAP.match(text, begin.end() if begin else len(text))
    while at and text[at.end() : at.end() + 1] not in ("", "]"):
        rows.append(text.count("\n", 0, at.end()) + 1)
        _, end = DECODER.raw_decode(text, at.end())
        at = GAP.match(text, end)
    return rows
