"""A layer: a provider's recipes, versions and policy over ours, in a folder of the same layout."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from scs_build.errors import Location, RecipeError
from scs_build.recipes.loader import load, locate, parse, read_bytes
from scs_build.recipes.lock_overlay import check_files
from scs_build.recipes.models import LayerHead, LockOverlay, Paths, SeriesAddition
from scs_build.recipes.rules import Part

FILE = "layer.yaml"
PATHS = "images/paths.yaml"
OURS = "scs"
HEAD = "{format: 1, name: NAME, vendor: WHO}"


@dataclass(frozen=True)
class Layer:
    """A layer: `folder` is where this machine has it, and no part of any digest; its name is.

    One with an `overlay` holds nothing but locks, in the place of those whose packages vanished.
    """

    folder: Path
    name: str
    vendor: str
    overlay: LockOverlay | None = field(default=None, compare=False)

    def shown(self, inside: str) -> str:
        """Return a path of the layer as errors show it."""
        return str(self.folder / inside)


class Addition(NamedTuple):
    """What a layer says of a series, and the file that says it."""

    layer: Layer
    shown: str
    raw: bytes
    content: SeriesAddition

    def where(self, *pointer: str | int) -> Location:
        """Return where a value of the file stands."""
        return locate(self.raw, self.shown, pointer)


def read_layers(folders: Iterable[Path]) -> tuple[Layer, ...]:
    """Read the heads of layers, lowest first; raises `RecipeError` for what is none, or named twice."""
    layers: dict[str, Layer] = {}
    for folder in folders:
        layer = _read_layer(folder)
        if other := layers.get(layer.name):
            where = Location(layer.shown(FILE))
            raise RecipeError(f"the layer {other.folder} is named `{layer.name}` as well", where=where)
        layers[layer.name] = layer
    for layer in list(layers.values())[:-1]:
        if layer.overlay:
            where = Location(layer.shown(FILE))
            reason = "locks of packages that vanished lie over everything, and not below another layer"
            raise RecipeError(reason, where=where, solution="name it with --lock-overlay")
    return tuple(layers.values())


def _read_layer(folder: Path) -> Layer:
    path = folder / FILE
    if not path.is_file():
        solution = f"write it: {HEAD}" if folder.is_dir() else "name the folder of a layer"
        reason = f"there is no {FILE}" if folder.is_dir() else "there is no such folder"
        raise RecipeError(reason, where=Location(str(path if folder.is_dir() else folder)), solution=solution)
    head = load(path, LayerHead)
    if not any((folder / part).is_dir() for part in ("images", "policy")):
        reason = "the layer holds neither images/ nor policy/"
        raise RecipeError(reason, where=Location(str(path)), solution="its layout is that of a checkout")
    if head.name == OURS:
        where = Location(str(path))
        raise RecipeError(
            f"`{OURS}` is the name of the release itself", where=where, solution="name it as yours"
        )
    if head.lock_overlay:
        check_files(folder, head.lock_overlay)
    return Layer(folder, head.name, head.vendor, head.lock_overlay)


def read_addition(layer: Layer, series: str) -> Addition | None:
    """Read what a layer says of a series; None when it says nothing."""
    inside = f"images/series/{series}/series.yaml"
    path, shown = layer.folder / inside, layer.shown(inside)
    if not path.exists():
        return None
    raw = read_bytes(path, shown)
    addition = Addition(layer, shown, raw, parse(raw, SeriesAddition, shown))
    constraints = addition.content.constraints
    if constraints is not None and not (path.parent / constraints).is_file():
        reason = f"there is no file `{constraints}` beside it"
        raise RecipeError(reason, where=addition.where("constraints"))
    return addition


def read_paths(path: Path, shown: str) -> Part:
    """Read a table of generated and dropped paths, `images/paths.yaml`; errors name it as `shown`."""
    raw = read_bytes(path, shown)
    table = parse(raw, Paths, shown)
    return Part(shown, raw, table.generated, table.dropped)


def layer_paths(layer: Layer) -> Part | None:
    """Read a layer's table of paths; None when it has none."""
    path = layer.folder / PATHS
    return read_paths(path, layer.shown(PATHS)) if path.exists() else None


def constraints_file(addition: Addition) -> Path | None:
    """Return the file with the constraints that a layer sets for a series."""
    name = addition.content.constraints
    return None if name is None else Path(addition.shown).parent / name
