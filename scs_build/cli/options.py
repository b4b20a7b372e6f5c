"""The options that commands share, and the session that they become."""

from __future__ import annotations

import functools
import os
import platform as machine
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from scs_build.errors import Location, LockError, RecipeError

if TYPE_CHECKING:
    from scs_build.progress import Progress
    from scs_build.recipes.catalogue import Catalogue
    from scs_build.recipes.site import Site
    from scs_build.store.store import Store

DEFAULT_SERIES = "2026.1"
ENGINES = ("auto", "native", "docker")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x"}

Function = TypeVar("Function", bound=Callable[..., Any])


def own_platform() -> str:
    """Return the platform of this machine, such as `linux/amd64`."""
    architecture = machine.machine()
    return f"linux/{ARCHITECTURES.get(architecture, architecture)}"


def known_platforms() -> tuple[str, ...]:
    """Return the platforms that images can be for; that of this machine is always among them."""
    known = (f"linux/{architecture}" for architecture in ARCHITECTURES.values())
    return tuple(dict.fromkeys((*known, own_platform())))


def own_cpus() -> int:
    """Return the number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Session:
    """What the common options of one call say; what is costly to make is made on first use."""

    series: str = DEFAULT_SERIES
    engine: str = "auto"
    offline: bool = False
    jobs: int = 1
    json: bool = False
    platform: str = "linux/amd64"
    verbose: bool = False
    root_option: Path | None = None
    store_option: Path | None = None
    site_option: Path | None = None
    recipes_option: tuple[Path, ...] = ()
    lock_overlay_option: Path | None = None

    @cached_property
    def root(self) -> Path:
        """The folder that holds `images/`; raises `RecipeError` when there is none."""
        return self.root_option or find_root(Path.cwd())

    @cached_property
    def catalogue(self) -> Catalogue:
        """All recipes under the root, with the layers over them."""
        from scs_build.recipes.catalogue import Catalogue

        catalogue = Catalogue.load(self.root, self.layers)
        if self.lock_overlay_option and catalogue.layers[-1].overlay is None:
            raise LockError(
                "is a layer of recipes, and no overlay of locks",
                where=Location(str(self.lock_overlay_option)),
                solution="name it with --recipes",
            )
        return catalogue

    @cached_property
    def layers(self) -> tuple[Path, ...]:
        """Every folder over ours, lowest first: recipes, then the overlay of locks."""
        overlay = (self.lock_overlay_option,) if self.lock_overlay_option else ()
        return (*self.recipes, *overlay)

    @property
    def recipes(self) -> tuple[Path, ...]:
        """The folders of recipes over ours, lowest first: those of the call, else those of the site file."""
        from scs_build.recipes.site_file import site_file

        # Reading it takes longer than a plan with nothing to do: only where there is one.
        if self.recipes_option or not (self.site_option or site_file()):
            return self.recipes_option
        return tuple(map(Path, self.site.recipes))

    @cached_property
    def store(self) -> Store:
        """The content store."""
        from scs_build.store.store import Store

        return Store(self.store_option) if self.store_option else Store.default()

    @cached_property
    def site(self) -> Site:
        """The site configuration; empty when there is none."""
        from scs_build.recipes.site import load_site

        return load_site(self.site_option)

    def of_series(self, series: str) -> Session:
        """Return the same session for another series."""
        return replace(self, series=series)

    def with_locks(self, overlay: Path) -> Session:
        """Return the same session with the locks of an overlay over all."""
        return replace(self, lock_overlay_option=overlay)

    @cached_property
    def progress(self) -> Progress:
        """The listener that talks on standard error."""
        from scs_build.cli.console import make_progress

        return make_progress(verbose=self.verbose)


def find_root(start: Path) -> Path:
    """Return the nearest folder from `start` upwards that holds `images/series`, else the checkout."""
    checkout = Path(__file__).resolve().parents[2]
    for folder in (start, *start.parents, checkout):
        if (folder / "images" / "series").is_dir():
            return folder
    raise RecipeError(
        f"there is no folder images/series in {start} or above",
        solution="change into a checkout of scs-build, or name it with --root",
    )


def _option(*names: str, **settings: Any) -> Callable[[Function], Function]:
    return click.option(*names, show_envvar=True, **settings)


_FOLDER = click.Path(file_okay=False, path_type=Path)
_EXISTING_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True)
_EXISTING_FOLDER_AS_NAMED = click.Path(exists=True, file_okay=False, path_type=Path)
_EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def complete_series(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Offer the series of the checkout to the shell."""
    return _complete(ctx, "images/series/*/series.yaml", incomplete)


def refuse_engine(session: Session) -> None:
    """Raise click.UsageError when a command that makes a sandbox on this machine is to use a daemon."""
    if session.engine == "docker":
        raise click.UsageError("a sandbox on this machine is what this command is: --engine native or auto")


def refuse_offline(session: Session) -> None:
    """Raise click.UsageError when a command that talks to a registry is to use no network."""
    if session.offline:
        raise click.UsageError("this command talks to a registry: it cannot be --offline")


def complete_image(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Offer the components of the checkout to the shell."""
    return _complete(ctx, "images/*/*/recipe.yaml", incomplete)


def _complete(ctx: click.Context, pattern: str, incomplete: str) -> list[CompletionItem]:
    root = ctx.params.get("root_option") or find_root(Path.cwd())
    layers = Session(
        site_option=ctx.params.get("site_option"), recipes_option=ctx.params.get("recipes_option") or ()
    ).recipes
    names = sorted({path.parent.name for top in (root, *layers) for path in top.glob(pattern)})
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


_OPTIONS: dict[str, Callable[[Any], Any]] = {
    "series": _option(
        "--series", default=DEFAULT_SERIES, show_default=True, envvar="SCS_BUILD_SERIES", metavar="NAME",
        shell_complete=complete_series, help="Release line of the stack.",
    ),
    "platform": _option(
        "--platform", type=click.Choice(known_platforms()), default=own_platform,
        envvar="SCS_BUILD_PLATFORM", metavar="OS/ARCH", show_default="that of this machine",
        help="What the images run on.",
    ),
    "engine": _option(
        "--engine", type=click.Choice(ENGINES), default="auto", show_default=True, envvar="SCS_BUILD_ENGINE",
        help="What runs the steps; `auto` is native where that works, else docker.",
    ),
    "offline": _option(
        "--offline", is_flag=True, envvar="SCS_BUILD_OFFLINE",
        help="Use only what the store holds; fetch nothing.",
    ),
    "jobs": _option(
        "-j", "--jobs", type=click.IntRange(min=1), default=own_cpus, envvar="SCS_BUILD_JOBS", metavar="N",
        show_default="number of CPUs", help="How much is done at the same time.",
    ),
    "json": _option(
        "--json", "json", is_flag=True, envvar="SCS_BUILD_JSON",
        help="Print the result (or the error) as JSON.",
    ),
    "root": _option(
        "--root", "root_option", type=_EXISTING_FOLDER, envvar="SCS_BUILD_ROOT", metavar="DIR",
        help="Folder that holds images/; else the nearest from here upwards, else the installed checkout.",
    ),
    "store": _option(
        "--store", "store_option", type=_FOLDER, envvar="SCS_BUILD_STORE", metavar="DIR",
        help="Content store; else scs-build/ in the cache folder of the user.",
    ),
    "site": _option(
        "--site", "site_option", type=_EXISTING_FILE, envvar="SCS_BUILD_SITE", metavar="FILE",
        help="Site configuration (mirrors, indices); else the user's, else the machine's, else none.",
    ),
    "recipes": _option(
        "--recipes", "recipes_option", type=_EXISTING_FOLDER_AS_NAMED, multiple=True,
        envvar="SCS_BUILD_RECIPES", metavar="DIR",
        help="Layer of recipes, versions and policy over ours; can be given more than once, lowest first.",
    ),
    "lock_overlay": _option(
        "--lock-overlay", "lock_overlay_option", type=_EXISTING_FOLDER_AS_NAMED,
        envvar="SCS_BUILD_LOCK_OVERLAY", metavar="DIR",
        help="Locks in the place of those whose packages vanished, made by `lock --missing --into`.",
    ),
    "verbose": _option("-v", "--verbose", is_flag=True, envvar="SCS_BUILD_VERBOSE", help="Say more."),
}  # fmt: skip


WITH_SERIES = ("engine", "offline", "jobs")
ALWAYS = ("json", "root", "store", "site", "recipes", "lock_overlay", "verbose")


def session_options(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the named common options to a command and hand it a `session` in their place.

    `json`, `root`, `store`, `site`, `recipes`, `lock_overlay` and `verbose` come with every command;
    `engine`, `offline` and `jobs` with every one about a series, also where they change nothing: a script
    can give the same to all. To be named: `series`, `platform`. What is not there has its default in the
    session.
    """
    wanted = {*names, *ALWAYS, *(WITH_SERIES if "series" in names else ())}
    chosen = [option for name, option in _OPTIONS.items() if name in wanted]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def command(**parameters: Any) -> Any:
            values: dict[str, Any] = {"platform": own_platform(), "jobs": own_cpus()}
            for name in Session.__dataclass_fields__.keys() & parameters.keys():
                values[name] = parameters.pop(name)
            return function(session=Session(**values), **parameters)

        for option in reversed(chosen):
            command = option(command)
        return command

    return decorate
