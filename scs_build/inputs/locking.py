"""What locking an image needs to know, and what every kind that resolves versions can do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from scs_build.errors import Location
from scs_build.inputs.artefact import Artefact

if TYPE_CHECKING:
    from scs_build.progress import Progress
    from scs_build.recipes.component import Component
    from scs_build.recipes.models import Recipe, Series
    from scs_build.recipes.site import Site


# Seconds after which a source that does not answer counts as down, for this attempt.
TIMEOUT = 30


class Depot(Protocol):
    """Where lockers leave what they fetched: the same bytes are then there for builds."""

    def bring(self, artefacts: Sequence[Artefact]) -> list[Path]:
        """Return the file of each artefact, fetched and checked where it is missing."""

    def receive(self, name: str, urls: Iterable[str]) -> tuple[str, int]:
        """Fetch what has no hash yet from the first of `urls` that delivers; return its sha256 and size."""

    def path(self, sha256: str) -> Path:
        """Return the file with that hash, which is there."""


@dataclass(frozen=True)
class Context:
    """What is the same for all images of one call.

    `folder` is the series' folder in the recipes, `constraints` are files of layers whose lines take the
    place of those in the series' own, `specified_at` tells where the series' specifier of a name stands;
    `work` is a directory that may outlive the call (package indices lie there and are only refreshed).
    Without a `depot` locks can be checked, not made.
    """

    series: Series
    folder: Path
    platform: str
    site: Site
    work: Path
    progress: Progress
    depot: Depot | None = None
    timeout: int = TIMEOUT
    constraints: tuple[Path, ...] = ()
    specified_at: Callable[[str], Location] = Location

    @property
    def store(self) -> Depot:
        """The depot, which whoever locks has given."""
        assert self.depot is not None, "only checking goes without"
        return self.depot


@dataclass(frozen=True)
class Request:
    """One image that is to be locked or whose lock is to be checked.

    `base` is what the scaffold holds, `parents` what the images below hold, `builders` what the image's
    builder adds; `locked` are the lines of its present lock. Their versions are kept where possible, except
    those of the artefacts that `free` names (all of them with `upgrade`).
    """

    component: Component
    base: tuple[Artefact, ...] = ()
    parents: tuple[Artefact, ...] = ()
    builders: tuple[Artefact, ...] = ()
    locked: tuple[Artefact, ...] = ()
    upgrade: bool = False
    free: Collection[str] = ()

    @property
    def image(self) -> str:
        """The image's name."""
        return self.component.name

    @property
    def recipe(self) -> Recipe:
        """The image's recipe."""
        return self.component.recipe

    @property
    def where(self) -> Location:
        """The recipe's file, for errors about the whole of it."""
        return Location(self.component.shown)


@dataclass(frozen=True)
class Finding:
    """Something that does not fit, and the lock line at fault, where it is one line."""

    reason: str
    line: Artefact | None = None


class Locker(Protocol):
    """Resolves what a recipe asks of one family of inputs, such as Debian packages."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of lock lines that are its own."""

    def lock(self, request: Request) -> list[Artefact]:
        """Return the exact artefacts; asks the network; raises `ResolutionError` when there are none."""

    def check(self, request: Request) -> list[Finding]:
        """Return what `request.locked` lacks or has too much; asks nobody."""
