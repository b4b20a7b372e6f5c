"""Results on standard output: JSON, tables, and how sizes and times are written."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from scs_build.files import write_whole


def print_json(value: Any) -> None:
    """Print `value` as indented JSON; keys keep their order."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_text(text: str) -> None:
    """Print one result that a person reads."""
    click.echo(text)


def print_result(value: Any, text: str, *, as_json: bool) -> None:
    """Print `value` as JSON or else `text`: the same answer for a program and for a person."""
    if as_json:
        print_json(value)
    elif text:
        print_text(text)


def write_output(path: Path, data: bytes) -> None:
    """Write a file where somebody asked for it, in one move; through links, into devices, in a new folder.

    Raises click.BadParameter where no file can be.
    """
    target = path.resolve()
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(data)
        else:
            write_whole(target, data)
    except (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise click.BadParameter(f"{target}: {error.strerror}", param_hint="--output") from error


def size(count: int) -> str:
    """Return bytes as megabytes (10^6), from 10 000 on as gigabytes: `12.3 MB`; never 0.0 for something."""
    if 0 < count < 50_000:
        return "< 0.1 MB"
    if count >= 10**10:
        return f"{count / 1e9:,.1f} GB".replace(",", " ")
    return f"{count / 1e6:,.1f} MB".replace(",", " ")


def seconds(duration: float) -> str:
    """Return a duration as `0.4 s`, from a minute on as `2 min 05 s`."""
    if duration < 59.95:
        return f"{duration:.1f} s"
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes} min {rest:02d} s"


def amount(count: int, unit: str) -> str:
    """Return an amount in the unit of a task: bytes as megabytes, everything else as a counted noun."""
    if unit == "bytes":
        return size(count)
    return f"{count} {unit}".strip()


def marked(name: str, origin: Iterable[str]) -> str:
    """Return the name of an image with the layers that touch it: `memcached (acme)`."""
    layers = ", ".join(origin)
    return f"{name} ({layers})" if layers else name


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, right: Collection[int] = ()) -> str:
    """Return rows as aligned columns, two spaces apart; the columns in `right` are right-aligned.

    No headers (an empty sequence): the table has none. Without rows the result is empty.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    if not cells:
        return ""
    lines = [list(headers), *cells] if headers else cells
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
