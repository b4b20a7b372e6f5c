"""How a difference between two images reads: what it comes to first, then group by group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from scs_build.cli.output import size, table
from scs_build.evidence.difference import Difference, FileChange, FileFacts, Kind, PackageChange, Side

SIGNS: Mapping[Kind, str] = {"added": "+", "removed": "-", "changed": "~"}
# More than a page of paths from one origin is read by nobody: their number says it.
SHOWN = 40


def difference_text(found: Difference, *, every_file: bool = False) -> str:
    """Return the difference as a reviewer wants to read it."""
    sides = table(
        ("", "image", "packed", "files", "packages", "layers", "digest"),
        [(name, *_side(side)) for name, side in (("a", found.a), ("b", found.b))],
        right=(2, 3, 4, 5),
    )
    if found.equal:
        return f"{sides}\n\nthe same image, bit by bit"
    listed = {f"{package.kind}:{package.name}" for package in found.packages}
    own = [file for file in found.files if every_file or file.by not in listed]
    groups: dict[str, Sequence[Sequence[str]]] = {
        "packages": _package_lines(found.packages),
        "licences": [(SIGNS[x.change], x.licence, _some(x.packages)) for x in found.licences],
        "configuration": [
            (SIGNS[x.change], " ".join(filter(None, (x.field, x.key))), _step(x.before, x.after))
            for x in found.configuration
        ],
        "files" if every_file else "files beside those of these packages": _file_lines(
            own, cut=not every_file
        ),
        "layers": [
            (SIGNS[x.change], x.title, _step(_size(x.packed_before), _size(x.packed_after)))
            for x in found.layers
        ],
    }
    parts = [f"{title}\n{_indented(rows)}" for title, rows in groups.items() if rows]
    return "\n\n".join((sides, _summary(found), *parts))


def _side(side: Side) -> tuple[object, ...]:
    packed, content = size(side.packed_bytes), size(side.content_bytes)
    return side.name, packed, content, side.packages, side.layers, side.digest


def _summary(found: Difference) -> str:
    counted: dict[str, Counter[Kind]] = {
        "package": Counter(each.change for each in found.packages),
        "licence": Counter(each.change for each in found.licences),
        "setting": Counter(each.change for each in found.configuration),
        "file": Counter(each.change for each in found.files),
        "layer": Counter(each.change for each in found.layers),
    }
    parts = [_counts(noun, changes) for noun, changes in counted.items() if changes]
    grown = found.b.packed_bytes - found.a.packed_bytes
    parts.append(f"packed {grown / 1e6:+,.1f} MB" if abs(grown) >= 50_000 else f"packed {grown:+} bytes")
    return "; ".join(parts)


def _counts(noun: str, changes: Counter[Kind]) -> str:
    total = changes.total()
    each = ", ".join(f"{changes[kind]} {kind}" for kind in SIGNS if changes[kind])
    return f"{total} {noun}{'s' if total != 1 else ''} ({each})"


def _package_lines(packages: Iterable[PackageChange]) -> list[tuple[str, ...]]:
    return [
        (SIGNS[p.change], p.kind, p.name, _versions(p), _files(p.files), _licence(p))
        for p in packages
    ]  # fmt: skip


def _versions(package: PackageChange) -> str:
    if package.before == package.after:
        return f"{package.after}, other bytes"
    return _step(package.before, package.after)


def _licence(package: PackageChange) -> str:
    before, after = package.licence_before, package.licence_after
    return _step(before, after) if before != after else ""


def _files(counts: Mapping[Kind, int]) -> str:
    return " ".join(f"{SIGNS[kind]}{counts[kind]}" for kind in SIGNS if counts.get(kind)) or "no files"


def _file_lines(files: Sequence[FileChange], *, cut: bool) -> list[tuple[str, ...]]:
    """Return a line per path; of one origin at most as many as are read, and how many more there are."""
    lines: list[tuple[str, ...]] = []
    seen, left = Counter[str](), Counter[str]()
    for file in files:
        seen[file.by] += 1
        if cut and seen[file.by] > SHOWN:
            left[file.by] += 1
        else:
            lines.append((SIGNS[file.change], file.path, file.by, _what(file)))
    lines += [("", f"and {count} more", by, "--files names them") for by, count in left.items()]
    return lines


def _what(file: FileChange) -> str:
    before, after = file.before, file.after
    if before is None or after is None:
        facts = before or after
        return _described(facts) if facts else ""
    values = {
        "type": (before.type, after.type),
        "content": (f"{before.size} bytes", f"{after.size} bytes"),
        "target": (before.link, after.link),
        "mode": (before.mode, after.mode),
        "owner": (before.owner, after.owner),
        "capabilities": (before.capability or "none", after.capability or "none"),
    }
    return ", ".join(f"{name} {_step(*values[name])}" for name in file.what)


def _described(facts: FileFacts) -> str:
    extra = {"file": size(facts.size), "link": f"to {facts.link}", "hardlink": f"to {facts.link}"}
    return " ".join(filter(None, (facts.type, extra.get(facts.type, ""), facts.mode, facts.owner)))


def _size(count: int | None) -> str | None:
    return None if count is None else size(count)


def _step(before: str | None, after: str | None) -> str:
    if before is None or after is None:
        return f"{before if after is None else after}"
    return f"{before or '(empty)'} -> {after or '(empty)'}" if before != after else f"{after}, other bytes"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


def _indented(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"  {line}" for line in table((), rows).splitlines())
