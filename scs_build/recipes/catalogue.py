"""All recipes of a checkout, checked against each other, and the series that they are built for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

from scs_build.errors import Location, PolicyError, RecipeError, UnknownNameError
from scs_build.recipes.checks import build_order, check_components
from scs_build.recipes.component import Component
from scs_build.recipes.document import read
from scs_build.recipes.explain import near_miss
from scs_build.recipes.loader import load, parse, read_bytes
from scs_build.recipes.models import Paths, Recipe, Series, User
from scs_build.recipes.policy import Hardening

SERIES_FOLDER = "series"
HARDENING_FILE = "policy/hardening.yaml"
Kind = Literal["container", "builder", "scaffold", "tools"]

_T = TypeVar("_T")

__all__ = ["Catalogue", "Component"]


@dataclass(frozen=True)
class Catalogue:
    """The recipes under `root`/images by name; paths in errors are relative to `root`."""

    root: Path
    components: Mapping[str, Component]
    _series: dict[str, Series] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, root: Path) -> Catalogue:
        """Read and check every recipe; raises `RecipeError` (or `FormatError`) at what is wrong."""
        if not (root / "images").is_dir():
            raise RecipeError(
                f"there is no folder `images` in {root}", solution="name the root of a checkout"
            )
        components: dict[str, Component] = {}
        for folder in sorted((root / "images").glob("*/*/")):
            if folder.parent.name == SERIES_FOLDER or not folder.is_dir():
                continue
            component = _read_component(folder)
            if component is None:
                continue
            if other := components.get(component.name):
                raise RecipeError(
                    f"the component `{component.name}` is there twice, first in {other.shown}",
                    where=Location(component.shown),
                    solution="give one of the folders another name",
                )
            components[component.name] = component
        check_components(components)
        return cls(root, components)

    def component(self, name: str) -> Component:
        """Return a component; raises `UnknownNameError` with the near miss."""
        return _named(self.components, name, "component")

    def lineage(self, name: str) -> tuple[str, ...]:
        """Return the ancestors of an image, the oldest first, and itself last."""
        line = [name]
        while parent := self.component(line[-1]).recipe.parent:
            line.append(parent)
        return tuple(reversed(line))

    def user_of(self, name: str) -> tuple[str, User] | None:
        """Return the user that an image runs as, by name and numbers; None when none is set."""
        recipes = [self.component(part).recipe for part in self.lineage(name)]
        users = {user: numbers for recipe in recipes for user, numbers in recipe.users.items()}
        chosen = next((recipe.user for recipe in reversed(recipes) if recipe.user), None)
        return None if chosen is None else (chosen, users[chosen])

    def environment_of(self, name: str) -> dict[str, str]:
        """Return the environment variables of an image: its ancestors', then its own, sorted by name."""
        merged: dict[str, str] = {}
        for part in self.lineage(name):
            merged |= self.component(part).recipe.environment
        return dict(sorted(merged.items()))

    @cached_property
    def paths(self) -> Paths:
        """The table of generated and dropped paths."""
        return load(self.root / "images" / "paths.yaml", Paths, shown="images/paths.yaml")

    @cached_property
    def hardening(self) -> Hardening:
        """The hardening policy; raises `PolicyError` at what is wrong in it."""
        path = self.root / HARDENING_FILE
        return load(path, Hardening, shown=HARDENING_FILE, error=PolicyError)

    @cached_property
    def series_names(self) -> tuple[str, ...]:
        """The names of all series, sorted."""
        found = (self.root / "images" / SERIES_FOLDER).glob("*/series.yaml")
        return tuple(sorted(path.parent.name for path in found))

    def series_folder(self, name: str) -> Path:
        """Return the folder of a series; raises `UnknownNameError` with the near miss."""
        folders = {found: self.root / "images" / SERIES_FOLDER / found for found in self.series_names}
        return _named(folders, name, "series")

    def series(self, name: str) -> Series:
        """Return a series, read when first asked for and checked against the recipes."""
        if name not in self._series:
            self._series[name] = self._read_series(self.series_folder(name))
        return self._series[name]

    def images(self, series: Series, kind: Kind = "container") -> tuple[str, ...]:
        """Return the images of a series of one kind, parents and builders before what needs them.

        A series that lists its images also has their ancestors and builders.
        """
        wanted = series.images or tuple(self.components)
        return tuple(
            name for name in build_order(self.components, wanted) if self.component(name).recipe.kind == kind
        )

    def _read_series(self, folder: Path) -> Series:
        shown = f"images/{SERIES_FOLDER}/{folder.name}/series.yaml"
        raw = read_bytes(folder / "series.yaml", shown)
        series = parse(raw, Series, shown)
        document = read(raw)
        if series.name != folder.name:
            where = Location(shown, *document.place(("name",)))
            raise RecipeError(f"the series `{series.name}` lies in a folder named {folder.name}", where=where)
        if not (folder / series.constraints).is_file():
            where = Location(shown, *document.place(("constraints",)))
            raise RecipeError(f"there is no file `{series.constraints}` beside it", where=where)
        for index, image in enumerate(series.images):
            if image not in self.components:
                where = Location(shown, *document.place(("images", index)))
                raise RecipeError(
                    f"there is no component `{image}`", where=where, solution=_meant(self.components, image)
                )
        return series


def _read_component(folder: Path) -> Component | None:
    """Read the recipe in a folder; None when the folder holds none."""
    area, name = folder.parent.name, folder.name
    path = folder / "recipe.yaml"
    if not path.exists():
        for misnamed in folder.glob("recipe.y*ml"):
            place = Location(f"images/{area}/{name}/{misnamed.name}")
            raise RecipeError("a recipe must be named recipe.yaml", where=place, solution="rename the file")
        return None
    shown = f"images/{area}/{name}/recipe.yaml"
    raw = read_bytes(path, shown)
    return Component(name, area, folder, parse(raw, Recipe, shown), raw)


def _meant(names: Mapping[str, object], wrong: str) -> str:
    near = near_miss(wrong, list(names))
    return f"did you mean `{near}`?" if near else f"there are: {', '.join(sorted(names)) or 'none'}"


def _named(names: Mapping[str, _T], name: str, what: str) -> _T:
    try:
        return names[name]
    except KeyError:
        raise UnknownNameError(f"there is no {what} `{name}`", solution=_meant(names, name)) from None
