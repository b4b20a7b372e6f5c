"""Comparing two images by what they ship: packages, licences, settings, paths and layers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scs_build.evidence.content import Item
from scs_build.evidence.difference import (
    Difference,
    FileChange,
    FileFacts,
    Kind,
    LayerChange,
    LicenceChange,
    PackageChange,
    SettingChange,
    Side,
)
from scs_build.evidence.expressions import licences_in
from scs_build.evidence.installed import Installed
from scs_build.evidence.licence_policy import Policy
from scs_build.evidence.shipped import Shipped

# Of the configuration these say again what layers are, and are compared as such.
LAYERS_AGAIN = ("rootfs", "history")
# Fields of the configuration that hold many settings.
PAIRS = ("Env",)
NO_TITLE = "layer"


@dataclass(frozen=True)
class Compared:
    """An image to compare, as it was named; `explain` tells who brought a path that no package lists."""

    name: str
    shipped: Shipped
    explain: Callable[[str], str] = lambda path: ""  # noqa: ARG005


def compare(a: Compared, b: Compared, policy: Policy) -> Difference:
    """Return how two images differ; two of one digest are equal in everything."""
    before, after = Installed(a.shipped, policy), Installed(b.shipped, policy)
    equal = a.shipped.digest == b.shipped.digest
    files = () if equal else tuple(_files(a, b, before, after))
    packages = () if equal else tuple(_packages(before, after, files))
    return Difference(
        format=1,
        equal=equal,
        a=_side(a, before),
        b=_side(b, after),
        packages=packages,
        licences=() if equal else tuple(_licences(after, packages)),
        configuration=() if equal else tuple(_settings(a.shipped.config, b.shipped.config)),
        files=files,
        layers=() if equal else tuple(_layers(a.shipped, b.shipped)),
    )


def _side(image: Compared, installed: Installed) -> Side:
    shipped = image.shipped
    return Side(
        name=image.name,
        digest=shipped.digest,
        packed_bytes=sum(layer["size"] for layer in shipped.manifest["layers"]),
        content_bytes=sum(item.size for layer in shipped.layers for item in layer),
        layers=len(shipped.layers),
        paths=len(shipped.items),
        packages=len(installed.packages),
    )


def _change(before: object, after: object) -> Kind:
    if before is None:
        return "added"
    return "removed" if after is None else "changed"


def _files(a: Compared, b: Compared, before: Installed, after: Installed) -> Iterator[FileChange]:
    old, new = a.shipped.items, b.shipped.items
    for path in sorted(old.keys() | new.keys()):
        one, other = old.get(path), new.get(path)
        what = _differences(one, other) if one and other else ()
        if (one and other) and not what:
            continue
        # The newer image knows best who brings a path; what is gone only the older one knows.
        side, installed = (b, after) if other else (a, before)
        yield FileChange(
            path=f"/{path}",
            change=_change(one, other),
            by=installed.owner(path) or side.explain(path),
            what=what,
            before=_facts(one),
            after=_facts(other),
        )


def _differences(one: Item, other: Item) -> tuple[str, ...]:
    same = {
        "type": one.type == other.type,
        "content": one.sha256 == other.sha256,
        "target": one.link == other.link,
        "mode": one.mode == other.mode,
        "owner": (one.uid, one.gid) == (other.uid, other.gid),
        "capabilities": one.capability == other.capability,
    }
    return tuple(name for name, is_same in same.items() if not is_same)


def _facts(item: Item | None) -> FileFacts | None:
    if item is None:
        return None
    return FileFacts(
        type=item.type,
        mode=f"{item.mode:04o}",
        owner=f"{item.uid}:{item.gid}",
        size=item.size,
        sha256=item.sha256,
        link=item.link,
        capability=item.capability,
    )


def _packages(before: Installed, after: Installed, files: Sequence[FileChange]) -> Iterator[PackageChange]:
    counted: dict[str, Counter[Kind]] = {}
    for file in files:
        counted.setdefault(file.by, Counter())[file.change] += 1
    for name in sorted(before.packages.keys() | after.packages.keys()):
        one, other = before.packages.get(name), after.packages.get(name)
        if one and other and one.version == other.version and name not in counted:
            continue
        known = one or other
        assert known
        yield PackageChange.model_validate({
            "kind": known.kind,
            "name": known.name,
            "change": _change(one, other),
            "before": one and one.version,
            "after": other and other.version,
            "licence_before": one and before.licence(one),
            "licence_after": other and after.licence(other),
            "files": counted.get(name, {}),
        })  # fmt: skip


def _licences(after: Installed, packages: Sequence[PackageChange]) -> Iterator[LicenceChange]:
    """Yield each licence that came or went; those of packages that stayed as they are, are on both sides."""
    touched = {f"{package.kind}:{package.name}" for package in packages}
    rest = [p for name, p in after.packages.items() if name not in touched] if packages else []
    kept = {each for package in rest for each in licences_in(after.licence(package))}
    old = _by_licence((p.name, p.licence_before) for p in packages)
    new = _by_licence((p.name, p.licence_after) for p in packages)
    for licence in sorted((old.keys() ^ new.keys()) - kept):
        has = new.get(licence)
        change: Literal["added", "removed"] = "added" if has else "removed"
        yield LicenceChange(licence=licence, change=change, packages=tuple(has or old[licence]))


def _by_licence(said: Iterable[tuple[str, str | None]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, expression in said:
        for licence in licences_in(expression or ""):
            found.setdefault(licence, []).append(name)
    return found


def _settings(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[SettingChange]:
    old, new = dict(_flat(one)), dict(_flat(other))
    for field, key in sorted(old.keys() | new.keys()):
        before, after = old.get((field, key)), new.get((field, key))
        if before != after:
            change = _change(before, after)
            yield SettingChange(field=field, key=key, change=change, before=before, after=after)


def _flat(config: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield every setting by field and key; a list of variables and objects are many, other lists are one."""
    runtime = config.get("config") or {}
    head = {name: value for name, value in config.items() if name not in ("config", *LAYERS_AGAIN)}
    for field, value in {**head, **runtime}.items():
        if field in PAIRS:
            pairs = (str(text).partition("=") for text in value or ())
            yield from (((field, name), text) for name, _, text in pairs)
        elif isinstance(value, dict):
            yield from (((field, str(key)), _text(each)) for key, each in value.items())
        else:
            yield (field, ""), _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value == {} else json.dumps(value, sort_keys=True)


def _layers(one: Shipped, other: Shipped) -> Iterator[LayerChange]:
    old, new = _titled(one), _titled(other)
    for title in dict.fromkeys((*old, *new)):
        before, after = old.get(title), new.get(title)
        if before and after and before["digest"] == after["digest"]:
            continue
        yield LayerChange(
            title=title,
            change=_change(before, after),
            before=before and before["digest"],
            after=after and after["digest"],
            packed_before=before and before["size"],
            packed_after=after and after["size"],
        )


def _titled(image: Shipped) -> dict[str, Mapping[str, Any]]:
    """Return the descriptors of the layers by what the history says of them, each title made unique."""
    history = [entry for entry in image.config.get("history") or () if not entry.get("empty_layer")]
    layers = image.manifest["layers"]
    titles = [str(entry.get("created_by") or NO_TITLE) for entry in history]
    if len(titles) != len(layers):
        titles = [NO_TITLE] * len(layers)
    found: dict[str, Mapping[str, Any]] = {}
    for title, layer in zip(titles, layers, strict=True):
        number = sum(other.partition(" #")[0] == title for other in found)
        found[f"{title} #{number + 1}" if number else title] = layer
    return found
