"""One component of the catalogue: its recipe and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from scs_build.errors import Location, RecipeError
from scs_build.recipes.document import Pointer
from scs_build.recipes.layer import Layer
from scs_build.recipes.loader import locate
from scs_build.recipes.models import Recipe
from scs_build.recipes.rules import Part


class Folder(NamedTuple):
    """A folder of a component, in a layer or (None) among our own recipes."""

    layer: Layer | None
    path: Path


@dataclass(frozen=True)
class Component:
    """A component: `folder` is `images/<area>/<name>`, `raw` the bytes of its recipe.yaml.

    The recipe may be that of a `layer`. `below` are the folders that this one replaces, `above` those of
    further layers, which hold only locks; both lowest first.
    """

    name: str
    area: str
    folder: Path
    recipe: Recipe
    raw: bytes
    layer: Layer | None = None
    below: tuple[Folder, ...] = ()
    above: tuple[Folder, ...] = ()

    @property
    def inside(self) -> str:
        """The folder relative to the layer or checkout that holds it."""
        return f"images/{self.area}/{self.name}"

    @property
    def shown(self) -> str:
        """The path of the recipe as errors show it: ours relative to the catalogue's root."""
        return shown_in(self.layer, f"{self.inside}/recipe.yaml")

    @cached_property
    def rules(self) -> Part:
        """The rules on paths that the recipe states."""
        return Part(self.shown, self.raw, self.recipe.generated, self.recipe.dropped)

    @property
    def folders(self) -> tuple[Folder, ...]:
        """Every folder of the component, lowest first."""
        return (*self.below, Folder(self.layer, self.folder), *self.above)

    def where(self, *pointer: str | int, key: bool = False) -> Location:
        """Return where a value of the recipe (or its key) stands, such as `where("files", 0, "source")`."""
        return locate(self.raw, self.shown, pointer, key=key)

    def error(
        self, reason: str, *pointer: str | int, key: bool = False, solution: str | None = None
    ) -> RecipeError:
        """Return the error for a value of the recipe."""
        return RecipeError(reason, where=self.where(*pointer, key=key), solution=solution)

    def file(self, source: str) -> Path:
        """Return the file of the recipe that is named `source`; raises `RecipeError` when there is none.

        It must lie in the recipe's `files/` folder itself: a link to elsewhere would make the image depend
        on something that no one reviews.
        """
        top = self.folder / "files"
        path = top / source
        try:
            outside = not path.resolve(strict=True).is_relative_to(top.resolve()) or not path.is_file()
        except (OSError, RuntimeError):  # RuntimeError: links in a circle
            outside = True
        if outside:
            place = self.where(*self._pointer(source))
            folder = shown_in(self.layer, f"{self.inside}/files/")
            raise RecipeError(f"there is no file `{source}` in {folder}", where=place)
        return path

    def _pointer(self, source: str) -> Pointer:
        sources = [file.source for file in self.recipe.files]
        return ("files", sources.index(source), "source") if source in sources else ()


def shown_in(layer: Layer | None, inside: str) -> str:
    """Return a path of a layer, or of our own recipes, as errors show it."""
    return inside if layer is None else layer.shown(inside)
