"""Puts the components of layers over ours: a recipe replaces that of the same place, a lock the lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from scs_build.errors import Location, RecipeError
from scs_build.recipes.component import Component, Folder, shown_in
from scs_build.recipes.explain import near_miss
from scs_build.recipes.layer import Layer
from scs_build.recipes.loader import parse, read_bytes
from scs_build.recipes.models import Recipe

SERIES_FOLDER = "series"


def component_folders(top: Path) -> Iterator[Path]:
    """Return the folders `images/<area>/<component>` below `top`, sorted."""
    for folder in sorted((top / "images").glob("*/*/")):
        if folder.parent.name != SERIES_FOLDER and folder.is_dir():
            yield folder


def read_component(folder: Path, layer: Layer | None = None) -> Component | None:
    """Read the recipe in a folder; None when the folder holds none."""
    area, name = folder.parent.name, folder.name
    inside = f"images/{area}/{name}"
    path = folder / "recipe.yaml"
    shown = shown_in(layer, f"{inside}/recipe.yaml")
    if path.is_symlink() or folder.is_symlink():
        _check_link(path, shown)
    if not path.exists():
        for misnamed in folder.glob("recipe.y*ml"):
            place = Location(shown_in(layer, f"{inside}/{misnamed.name}"))
            raise RecipeError("a recipe must be named recipe.yaml", where=place, solution="rename the file")
        return None
    raw = read_bytes(path, shown)
    return Component(name, area, folder, parse(raw, Recipe, shown), raw, layer)


def _check_link(path: Path, shown: str) -> None:
    """Raise `RecipeError` at a recipe that is a link out of its checkout or layer, or to nowhere."""
    top = path.parents[3].absolute().resolve()
    try:
        inside = path.resolve(strict=True).is_relative_to(top)
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        raise RecipeError("is a link to nowhere", where=Location(shown)) from error
    if not inside:
        raise RecipeError(
            f"is a link that leads out of {top}: what lies there is not seen when it changes",
            where=Location(shown),
            solution="put the recipe itself there; `--recipes DIR` takes in a folder of other recipes",
        )


def put_over(components: Mapping[str, Component], layer: Layer) -> dict[str, Component]:
    """Return the components with those of a layer added or put in the place of others."""
    merged = dict(components)
    for folder in component_folders(layer.folder):
        own, below = read_component(folder, layer), components.get(folder.name)
        if own is None:
            under = _locked_only(folder, layer, components)
            if under is not None:
                merged[under.name] = replace(under, above=(*under.above, Folder(layer, folder)))
        elif below is None:
            merged[own.name] = own
        else:
            merged[own.name] = _replaced(own, below)
    return merged


def _replaced(own: Component, below: Component) -> Component:
    if own.area != below.area:
        raise RecipeError(
            f"the component `{own.name}` is there already, as {below.shown}",
            where=Location(own.shown),
            solution=f"to replace it, lay the recipe into images/{below.area}/{own.name}/; else rename it",
        )
    return replace(own, below=below.folders)


def _locked_only(folder: Path, layer: Layer, components: Mapping[str, Component]) -> Component | None:
    """Return the component whose lock a folder without a recipe replaces; None for an empty folder."""
    held = sorted(path.name for path in folder.iterdir())
    if not held:
        return None
    shown = shown_in(layer, f"images/{folder.parent.name}/{folder.name}")
    component = components.get(folder.name)
    if component is None or component.area != folder.parent.name:
        near = near_miss(folder.name, list(components))
        raise RecipeError(
            f"there is no recipe, and none of a component `{folder.name}` below it to replace the lock of",
            where=Location(shown),
            solution=f"write recipe.yaml{f'; did you mean `{near}`?' if near else ''}",
        )
    if others := [name for name in held if name != "lock"]:
        raise RecipeError(
            f"there is {others[0]}, and no recipe: a component is replaced as a whole",
            where=Location(f"{shown}/{others[0]}"),
            solution=f"copy the folder of {component.shown}, and change the copy",
        )
    return component
