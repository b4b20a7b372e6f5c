"""What push, pull and load share: options, the images of a manifest, skopeo, and how the result reads."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scs_build.cli.common import graph_of, manifest_of
from scs_build.cli.options import Session
from scs_build.cli.output import print_result, seconds, size, table

if TYPE_CHECKING:
    from scs_build.errors import ScsBuildError
    from scs_build.manifest.manifest import Manifest
    from scs_build.oci.registry.access import Access
    from scs_build.oci.registry.address import Place
    from scs_build.oci.registry.images import Outcome, Wanted
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


def read_wanted(session: Session, path: Path | None, output: Path) -> Manifest:
    """Return the manifest that names the digests."""
    from scs_build.manifest.manifest import read_manifest

    return read_manifest(path or manifest_of(output, session.series))


def wanted_of(manifest: Manifest, names: Sequence[str]) -> list[Wanted]:
    """Return the images of a manifest that were asked for (no names: all), those with few layers first."""
    from scs_build.errors import UnknownNameError
    from scs_build.oci.registry.images import Wanted

    known = [image.name for image in manifest.content.images]
    if unknown := [name for name in names if name not in known]:
        raise UnknownNameError(
            f"the manifest names no image {', '.join(unknown)}", solution=f"it names {', '.join(known)}"
        )
    images = sorted(manifest.content.images, key=lambda image: (len(image.layers), image.name))
    return [
        Wanted(image.name, image.digest, tuple(layer.digest for layer in image.layers))
        for image in images
        if not names or image.name in names
    ]


@contextmanager
def skopeo_for(session: Session, place: Place, access: Access) -> Iterator[Skopeo]:
    """Lend skopeo of the tools tree with the way to this registry; its tools are fetched when missing."""
    from scs_build.cli.running import tools_of
    from scs_build.oci.registry.access import access_to
    from scs_build.oci.registry.skopeo import Skopeo

    tools = tools_of(session, graph_of(session), "registry")
    with session.store.scratch("registry") as room:
        yield Skopeo(tools, access_to(place.host, session.site, access), room)


def tell(session: Session, outcome: Outcome, verb: str, facts: dict[str, Any]) -> None:
    """Print what arrived and what failed, and end with the exit code of the failures."""
    from scs_build.cli.ends import report_all

    answer = {
        **facts,
        "seconds": round(outcome.seconds, 3),
        "images": [
            {
                "name": image.name,
                "digest": image.digest,
                "reference": image.reference,
                "action": image.action,
                f"bytes_{verb}": image.moved,
                "bytes_there": image.skipped,
                "seconds": round(image.seconds, 3),
                "names": list(image.names),
            }
            for image in outcome.images
        ],
        "failures": [{"name": name, **error.to_json()} for name, error in outcome.failures.items()],
    }
    print_result(answer, outcome_text(outcome, verb), as_json=session.json)
    if outcome.failures:
        raise SystemExit(report_all(_grouped(outcome.failures)))


def _grouped(failures: Mapping[str, ScsBuildError]) -> dict[str, ScsBuildError]:
    """Return one error for all images that need the same mending."""
    groups: dict[tuple[type[ScsBuildError], str | None], list[str]] = {}
    for name, error in failures.items():
        groups.setdefault((type(error), error.solution), []).append(name)
    return {", ".join(names): failures[names[0]] for names in groups.values()}


def outcome_text(outcome: Outcome, verb: str) -> str:
    """Return what arrived as a table, and a line that sums it up."""
    rows = [
        (
            image.name,
            image.action,
            seconds(image.seconds),
            size(image.moved),
            size(image.skipped),
            image.reference,
        )
        for image in outcome.images
    ]
    listed = table(("image", "", "time", verb, "there", "reference"), rows, right=(2, 3, 4))
    moved = sum(image.moved for image in outcome.images)
    skipped = sum(image.skipped for image in outcome.images)
    failed = f", {len(outcome.failures)} failed" if outcome.failures else ""
    end = (
        f"{len(outcome.images)} images{failed}, {size(moved)} {verb}, {size(skipped)} there already,"
        f" in {seconds(outcome.seconds)}"
    )
    return "\n\n".join(filter(None, (listed, end)))
