"""What the commands about images share: the graph, the names asked for, the engine, the room for output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from scs_build.cli.options import complete_image
from scs_build.errors import EngineError

if TYPE_CHECKING:
    from scs_build.build.build import Options
    from scs_build.cli.options import Session
    from scs_build.engines.native import NativeEngine
    from scs_build.engines.spec import Engine
    from scs_build.engines.tools import ToolsTree
    from scs_build.evidence.subject import Subject
    from scs_build.plan.graph import Graph


def images_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument IMAGE...; none of them means all."""
    return click.argument("images", nargs=-1, metavar="[IMAGE]...", shell_complete=complete_image)(function)


def _folder(context: click.Context, option: click.Parameter, value: Path) -> Path:
    """Refuse what can be no folder, such as a device."""
    if value.exists() and not value.is_dir():
        raise click.BadParameter(f"{value} is no folder", context, option)
    return value


def output_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--output`: where the images and manifests are put."""
    return click.option(
        "-o", "--output", type=click.Path(file_okay=False, path_type=Path), default=Path("out"),
        show_default=True,
        envvar="SCS_BUILD_OUTPUT", show_envvar=True, metavar="DIR",
        help="Where the OCI layout and the manifests are put.", callback=_folder,
    )(function)  # fmt: skip


def graph_of(session: Session) -> Graph:
    """Return the graph of the session's series and platform."""
    from scs_build.plan.graph import Graph

    catalogue = session.catalogue
    return Graph(catalogue, catalogue.series(session.series), session.platform)


def names_of(session: Session, images: Sequence[str]) -> tuple[str, ...]:
    """Return the images asked for, or all of the series, in the order in which they are built."""
    every = session.catalogue.images(session.catalogue.series(session.series))
    for name in images:
        session.catalogue.component(name)
    return tuple(name for name in every if name in images) if images else every


def subject_of(session: Session, name: str) -> Subject:
    """Return a built image under examination; what a collection took of its artefacts is brought back.

    Raises `UnknownNameError` when the image is not built.
    """
    from scs_build.build.restore import restore
    from scs_build.evidence.subject import Subject

    session.catalogue.component(name)
    graph = graph_of(session)
    subject = Subject.of(graph, session.store, name, session.jobs)
    restore(graph, session.store, [name], options_of(session), session.progress)
    return subject


def layout_of(output: Path) -> Path:
    """Return the OCI layout below the output folder."""
    return output / "oci"


def output_of(manifest: Path | None, output: Path) -> Path:
    """Return the folder with the images of a manifest: what `--output` names, else where the manifest lies.

    An output folder that nobody named counts where no images lie beside the manifest.
    """
    named = click.get_current_context().get_parameter_source("output") is not ParameterSource.DEFAULT
    if manifest is None or named or not layout_of(manifest.parent).is_dir():
        return output
    return manifest.parent


def manifest_of(output: Path, series: str) -> Path:
    """Return where the manifest of a series is put."""
    return output / f"{series}.json"


def manifest_there(session: Session, output: Path) -> Path:
    """Return where the manifest of the series is; raises `ManifestError` where not all of it was built."""
    from scs_build.errors import Location, ManifestError, ScsBuildError
    from scs_build.oci.layout import references

    path = manifest_of(output, session.series)
    if path.exists():
        return path
    every = names_of(session, ())
    missing = every
    with suppress(ScsBuildError):  # no layout: nothing was built there
        built = references(layout_of(output))
        missing = tuple(name for name in every if f"{name}:{session.series}" not in built)
    if not missing:
        return path
    told = f"nothing of the series {session.series} is built there: there is no manifest yet"
    if missing != every:
        told = f"there is no manifest yet: the series {session.series} is built only in part there, without "
        told += ", ".join(missing)
    solution = "run: scs-build build; a manifest from elsewhere can be named"
    raise ManifestError(told, where=Location(str(path)), solution=solution)


def evidence_of(output: Path) -> Path:
    """Return where the statements about images are put."""
    return output / "evidence"


def options_of(session: Session) -> Options:
    """Return how this call builds."""
    from scs_build.build.build import Options

    return Options(session.site, lambda tools: engine_of(session, tools), session.jobs, session.offline)


def engine_of(session: Session, tools: ToolsTree) -> Engine:
    """Return the engine asked for; `auto` is native where that works, else docker."""
    from scs_build.engines.docker import DockerEngine
    from scs_build.engines.native import NativeEngine

    native, docker = NativeEngine(tools), DockerEngine(session.platform)
    if session.engine == "docker":
        return docker
    if session.engine == "native" or not (problems := _problems(session, native)):
        return native
    try:
        version = docker.connected()
    except EngineError as error:
        raise EngineError(
            f"no engine can run the steps:\n  native: {problems[0]}\n  docker: {error.reason}",
            solution="`scs-build doctor` says how to mend either",
        ) from error
    session.progress.say(f"the native engine cannot run here, Docker {version} runs the steps")
    return docker


def _problems(session: Session, native: NativeEngine) -> list[str]:
    with session.store.scratch("engine") as scratch:
        problems = native.check(scratch)
    return [": ".join(map(str.strip, text.partition("\nhint: ")[0].splitlines())) for text in problems]
