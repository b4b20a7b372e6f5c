"""`scs-build run`: a service or a command of a built image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scs_build.cli.common import graph_of
from scs_build.cli.ends import say_interrupted, talk
from scs_build.cli.options import Session, complete_image, refuse_engine, session_options

if TYPE_CHECKING:
    from scs_build.recipes.catalogue import Component

# The status of a command that was not found, as shells have it.
NOT_FOUND = 127


def read_volume(text: str) -> tuple[str, tuple[Path, bool]]:
    """Return `HOST:PATH[:ro]` as (path inside, (path outside, read-only)); raises click.BadParameter."""
    host, _, rest = text.partition(":")
    path, _, option = rest.partition(":")
    if not host or not path.startswith("/") or path == "/" or option not in ("", "ro"):
        raise click.BadParameter(f"{text!r} is not HOST:PATH or HOST:PATH:ro", param_hint="--volume")
    if not Path(host).exists():
        raise click.BadParameter(f"{host} is not there", param_hint="--volume")
    return path.rstrip("/"), (Path(host).resolve(), option == "ro")


def read_variable(text: str) -> tuple[str, str]:
    """Return `NAME=VALUE` as a pair; raises click.BadParameter."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--env")
    return name, value


def read_user(text: str | None) -> tuple[int, int] | None:
    """Return `UID[:GID]` as numbers, the group that of the user when not given; raises click.BadParameter."""
    if text is None:
        return None
    uid, _, gid = text.partition(":")
    if not uid.isdecimal() or not (gid or "0").isdecimal() or not int(uid):
        raise click.BadParameter(
            f"{text!r} is not UID or UID:GID, with a user other than 0", param_hint="--user"
        )
    return int(uid), int(gid or uid)


@click.command(context_settings={"ignore_unknown_options": False})
@click.argument("image", shell_complete=complete_image)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
@click.option("--volume", multiple=True, metavar="HOST:PATH[:ro]", help="Mount a path of this machine.")
@click.option("--env", multiple=True, metavar="NAME=VALUE", help="Set an environment variable.")
@click.option("--user", metavar="UID[:GID]", help="Run as this user; else as the image's.")
@click.option(
    "--network", type=click.Choice(("none", "host")), default="none", show_default=True,
    help="`none` has a loopback of its own, `host` is that of this machine.",
)  # fmt: skip
@session_options("series", "platform")
def command(
    session: Session, image: str, arguments: tuple[str, ...], volume: tuple[str, ...], env: tuple[str, ...],
    user: str | None, network: str,
) -> None:  # fmt: skip
    """Run a command or a service of a built image.

    In a sandbox: not as root, without capabilities, root read-only, what the recipe calls writable and its
    volumes empty and in memory. Ends with the status of the program (127: there is no such program);
    an interrupt, SIGTERM or SIGHUP reaches it as SIGTERM, and if that ends it, the status is 130, 143 or 129.
    """
    from scs_build.build.runnable import runnable_images
    from scs_build.cli.running import tools_of
    from scs_build.stack.single import Wish, missing_program, run_image

    refuse_engine(session)
    component = session.catalogue.component(image)
    wish = Wish(
        command=arguments,
        environment=dict(map(read_variable, env)),
        volumes=dict(map(read_volume, volume)),
        user=read_user(user),
        network="shared" if network == "host" else "none",
    )
    graph = graph_of(session)
    found = runnable_images(graph, session.store, [image], session.jobs, session.progress)[image]
    if not (wish.command or found.command):
        raise click.UsageError(
            f"{image} has no service to run; name a command: scs-build run {image} -- COMMAND"
        )
    status = run_image(
        found, wish, writable_paths(component), tools_of(session, graph),
        told=lambda status: say_interrupted(status, f"{image} is told to end"),
    )  # fmt: skip
    if status == NOT_FOUND and (program := missing_program(found, wish)):
        talk(f"error: {image} has no program {program}", colour="red")
    raise SystemExit(status)


def writable_paths(component: Component) -> tuple[str, ...]:
    """Return the paths that the recipe calls writable."""
    services = component.recipe.services.values()
    return tuple(dict.fromkeys(path for service in services for path in service.writable))
