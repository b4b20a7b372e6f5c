"""All recipes of a checkout, checked against each other, and the series that they are built for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Literal, TypeVar

from scs_build.errors import Location, LockError, PolicyError, RecipeError, UnknownNameError
from scs_build.recipes.checks import build_order, check_components
from scs_build.recipes.component import Component
from scs_build.recipes.document import read
from scs_build.recipes.explain import near_miss, series_apart
from scs_build.recipes.layer import (
    FILE,
    PATHS,
    Addition,
    Layer,
    constraints_file,
    layer_paths,
    read_addition,
    read_layers,
    read_paths,
)
from scs_build.recipes.loader import load, locate, parse, read_bytes
from scs_build.recipes.models import Series, User
from scs_build.recipes.overlay import SERIES_FOLDER, component_folders, put_over, read_component
from scs_build.recipes.policy import Hardening
from scs_build.recipes.rules import Part, Rules

HARDENING_FILE = "policy/hardening.yaml"
Kind = Literal["container", "builder", "scaffold", "tools"]

_T = TypeVar("_T")

__all__ = ["Catalogue", "Component"]


@dataclass(frozen=True)
class Catalogue:
    """The recipes under `root`/images, and in `layers` over them, by name.

    Paths in errors are relative to `root`; those of a layer begin with its folder.
    """

    root: Path
    components: Mapping[str, Component]
    layers: tuple[Layer, ...] = ()
    _series: dict[str, Series] = field(default_factory=dict, repr=False, compare=False)
    _additions: dict[str, tuple[Addition, ...]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, root: Path, layers: Iterable[Path] = ()) -> Catalogue:
        """Read and check every recipe, those of `layers` (folders, lowest first) over those of `root`.

        Raises `RecipeError` (or `FormatError`) at what is wrong.
        """
        if not (root / "images").is_dir():
            raise RecipeError(
                f"there is no folder `images` in {root}", solution="name the root of a checkout"
            )
        components: dict[str, Component] = {}
        for folder in component_folders(root):
            component = read_component(folder)
            if component is None:
                continue
            if other := components.get(component.name):
                raise RecipeError(
                    f"the component `{component.name}` is there twice, first in {other.shown}",
                    where=Location(component.shown),
                    solution="give one of the folders another name",
                )
            components[component.name] = component
        above = read_layers(layers)
        for layer in above:
            components = put_over(components, layer)
        check_components(components)
        catalogue = cls(root, components, above)
        for layer in above:
            catalogue.check_series_of(layer)
        return catalogue

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
    def paths(self) -> Part:
        """Our table of generated and dropped paths, those of every image."""
        return read_paths(self.root / PATHS, PATHS)

    def rules(self, name: str, layers: Iterable[Layer]) -> Rules:
        """Return the rules on the paths of an image that these layers touch, what is nearest to it first.

        Those are its own, its ancestors', those of the tables of the layers, the highest first, and ours.
        """
        recipes = [self.component(part).rules for part in reversed(self.lineage(name))]
        tables = [self.table_of(layer) for layer in reversed(tuple(layers))]
        stated = (part for part in (*recipes, *tables, self.paths) if part)
        return Rules(tuple(part for part in stated if part.generated or part.dropped))

    def table_of(self, layer: Layer) -> Part | None:
        """Return the table of paths of one of the layers, if it has one."""
        return self._layer_paths[layer]

    @cached_property
    def _layer_paths(self) -> dict[Layer, Part | None]:
        return {layer: layer_paths(layer) for layer in self.layers}

    def file(self, inside: str) -> tuple[Path, str]:
        """Return a file (policy/x.yaml) of the highest layer that has it, else ours, and how it is shown."""
        for layer in reversed(self.layers):
            if (layer.folder / inside).is_file():
                return layer.folder / inside, layer.shown(inside)
        return self.root / inside, inside

    def shown(self, path: Path) -> Path:
        """Return a path as errors show it: one of ours relative to the root."""
        return path.relative_to(self.root) if path.is_relative_to(self.root) else path

    @cached_property
    def hardening(self) -> Hardening:
        """The hardening policy; raises `PolicyError` at what is wrong in it."""
        path, shown = self.file(HARDENING_FILE)
        return load(path, Hardening, shown=shown, error=PolicyError)

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
        self._check_overlay(folder.name)
        document = read(raw)
        if series.name != folder.name:
            where = Location(shown, *document.place(("name",)))
            raise RecipeError(f"the series `{series.name}` lies in a folder named {folder.name}", where=where)
        if not (folder / series.constraints).is_file():
            where = Location(shown, *document.place(("constraints",)))
            raise RecipeError(f"there is no file `{series.constraints}` beside it", where=where)
        self._check_images(series.images, lambda index: Location(shown, *document.place(("images", index))))
        for addition in self.additions(folder.name):
            series = _with(series, addition)
        return series

    def _check_overlay(self, series: str) -> None:
        """Raise `LockError` when the highest layer replaces locks of another series."""
        overlay = self.layers[-1].overlay if self.layers else None
        if overlay and overlay.series != series:
            where = locate(
                read_bytes(self.layers[-1].folder / FILE, self.layers[-1].shown(FILE)),
                self.layers[-1].shown(FILE),
                ("lock_overlay", "series"),
            )
            reason = f"these locks are of the series {overlay.series}, asked for is {series}"
            raise LockError(reason, where=where, solution=f"leave it out, or use --series {overlay.series}")

    def place_in_series(self, name: str, *pointer: str) -> Location:
        """Return where a value of a series stands: in the highest layer that says it, else in ours."""
        for addition in reversed(self.additions(name)):
            if pointer[0] == "components" and addition.content.components.keys() & pointer[1:]:
                return addition.where(*pointer)
        path = self.series_folder(name) / "series.yaml"
        shown = str(self.shown(path))
        return locate(read_bytes(path, shown), shown, pointer)

    def additions(self, series: str) -> tuple[Addition, ...]:
        """Return what the layers say of a series, lowest first."""
        if series not in self._additions:
            found = (read_addition(layer, series) for layer in self.layers)
            self._additions[series] = tuple(addition for addition in found if addition)
        return self._additions[series]

    def constraints(self, series: str) -> tuple[Path, ...]:
        """Return the files with constraints that layers set for a series, lowest first."""
        files = (constraints_file(addition) for addition in self.additions(series))
        return tuple(file for file in files if file)

    def check_series_of(self, layer: Layer) -> None:
        """Raise `RecipeError` at what a layer says of a series that is not there, or of an unknown image."""
        for path in sorted((layer.folder / "images" / SERIES_FOLDER).glob("*/")):
            if path.name not in self.series_names:
                where = Location(layer.shown(f"images/{SERIES_FOLDER}/{path.name}"))
                reason = f"there is no series `{path.name}`: a layer adds to those that are there"
                raise RecipeError(
                    reason, where=where, solution=_meant(dict.fromkeys(self.series_names), path.name)
                )
            for addition in self.additions(path.name):
                self._check_images(addition.content.images, partial(addition.where, "images"))

    def _check_images(self, images: Iterable[str], where: Callable[[int], Location]) -> None:
        for index, image in enumerate(images):
            if image not in self.components:
                reason, solution = f"there is no component `{image}`", _meant(self.components, image)
                raise RecipeError(reason, where=where(index), solution=solution)


def _with(series: Series, addition: Addition) -> Series:
    """Return a series with what a layer adds: specifiers of the same name are replaced."""
    own = addition.content
    # A series that lists no image has all of them, those of layers too.
    images = (*series.images, *own.images) if series.images else ()
    return series.model_copy(update={"components": series.components | own.components, "images": images})


def _meant(names: Mapping[str, object], wrong: str) -> str:
    if apart := series_apart(wrong, names.keys()):
        return apart
    near = near_miss(wrong, list(names))
    return f"did you mean `{near}`?" if near else f"there are: {', '.join(sorted(names)) or 'none'}"


def _named(names: Mapping[str, _T], name: str, what: str) -> _T:
    try:
        return names[name]
    except KeyError:
        raise UnknownNameError(f"there is no {what} `{name}`", solution=_meant(names, name)) from None
