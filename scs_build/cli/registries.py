"""What the commands that move images share: how places, tags and the way to a registry are said."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scs_build.cli.common import graph_of
from scs_build.cli.options import Session

if TYPE_CHECKING:
    from scs_build.oci.registry.access import Access
    from scs_build.oci.registry.address import Place
    from scs_build.oci.registry.skopeo import Skopeo

Function = Callable[..., Any]


def place_option(
    name: str,
    variable: str,
    help: str,  # noqa: A002
    *,
    required: bool = True,
) -> Callable[[Function], Function]:
    """Add the option that names a registry and a namespace; the command gets it as `place`."""
    return click.option(
        name, "place", required=required, envvar=variable, show_envvar=True, metavar="REGISTRY/NAMESPACE",
        callback=lambda _context, _option, text: _read_place(text), help=help,
    )  # fmt: skip


def manifest_option(function: Function) -> Function:
    """Add `--manifest`: which digests are meant."""
    return click.option(
        "--manifest", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
        help="Manifest that names the digests; else that of the series in the output folder.",
    )(function)  # fmt: skip


def tag_options(function: Function) -> Function:
    """Add which tags images get; the command gets `tags` (checked, maybe none) and `move_tag`."""
    for option in (
        click.option(
            "--move-tag", is_flag=True, help="Move tags that stand for other images; else they are an error."
        ),
        click.option(
            "--tag", "tags", multiple=True, metavar="TAG", help="Tag for the images; else the series.",
            callback=lambda _context, _option, tags: _read_tags(tags),
        ),
    ):  # fmt: skip
        function = option(function)
    return function


def access_options(function: Function) -> Function:
    """Add what a registry that is not reached in the usual way needs; the command gets it as `access`."""

    @functools.wraps(function)
    def command(ca: Path | None, cert_dir: Path | None, plain_http: bool, **parameters: Any) -> Any:
        from scs_build.oci.registry.access import Access

        if bool(ca) + bool(cert_dir) + plain_http > 1:
            raise click.UsageError("only one of --ca, --cert-dir and --plain-http can be.")
        return function(access=Access(ca, cert_dir, plain_http), **parameters)

    for option in (
        click.option(
            "--plain-http", is_flag=True,
            help="The registry has no TLS (or a certificate that proves nothing): do without.",
        ),
        click.option(
            "--cert-dir", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
            help="Folder with authorities (*.crt) and a certificate of our own (*.cert, *.key).",
        ),
        click.option(
            "--ca", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
            help="Certificate of the authority that signed the registry's, beside those of this machine.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def _read_place(text: str | None) -> Place | None:
    from scs_build.oci.registry.address import read_place

    return read_place(text) if text else None


def _read_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    from scs_build.oci.registry.address import read_tag

    return tuple(map(read_tag, tags))


@contextmanager
def skopeo_for(session: Session, place: Place, access: Access) -> Iterator[Skopeo]:
    """Lend skopeo of the tools tree with the way to this registry; its tools are fetched when missing."""
    from scs_build.cli.running import tools_of
    from scs_build.oci.registry.access import access_to
    from scs_build.oci.registry.skopeo import Skopeo

    # What is in use, the tools tree among it, is not collected meanwhile.
    with session.store.use(), session.store.scratch("registry") as room:
        tools = tools_of(session, graph_of(session), "registry")
        yield Skopeo(tools, access_to(place.host, session.site, access), room)
