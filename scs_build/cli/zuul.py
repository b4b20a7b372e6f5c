"""`scs-build zuul`: the jobs that build images, the check of Zuul's configuration, builds inside a job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from scs_build.cli.build import build_images
from scs_build.cli.common import graph_of, images_argument, output_option
from scs_build.cli.options import Session, complete_series, session_options
from scs_build.cli.output import print_result, table
from scs_build.errors import VerificationError, ZuulError


@click.group()
def command() -> None:
    """Look after the jobs of Zuul, and build inside them."""


@command.command()
@session_options()
@click.option("--check", is_flag=True, help="Write nothing; fail when the file is not what would be written.")
@click.pass_context
def generate(context: click.Context, session: Session, check: bool) -> None:
    """Write zuul.d/images.yaml: one job for each layer of the graph of images.

    Prints the file when it was written, and nothing where it says what the recipes say. Needed when an image
    comes, goes, or stands on another one.
    """
    from scs_build.zuul.generate import PATH, write

    current = write(session.catalogue, check=check)
    text = "" if current or check else PATH
    print_result({"path": PATH, "current": current}, text, as_json=session.json)
    if check and not current:
        click.echo(f"not up to date: {PATH}\n\nhint: scs-build zuul generate", err=True)
        context.exit(VerificationError.exit_code)


@command.command()
@images_argument
@output_option
@click.option(
    "--series",
    "only",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_series,
    help="Only this series (may be repeated); else every series that has the images.",
)
@click.option(
    "--logs",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder that becomes the logs of the job; manifests are put below it. Else that of --output.",
)
@session_options("platform", "engine", "offline", "jobs")
def build(
    session: Session, images: tuple[str, ...], only: tuple[str, ...], output: Path, logs: Path | None
) -> None:  # fmt: skip
    """Build images in every series, and say what the job returns to Zuul.

    The images are those that `scs-build build` makes. `zuul_return` of the JSON is for Zuul's module of that
    name: an artifact for each image with its digest, and one for the manifest of each series.
    """
    from scs_build.cli.ends import report_all
    from scs_build.zuul.build import answer, finish, series_of

    builds = []
    for name, chosen in series_of(session.catalogue, images, only).items():
        own = replace(session, series=name)
        builds.append(finish(graph_of(own), build_images(own, chosen, output)[0], logs or output))
    rows = [
        (f"{image.name}:{made.result.series}", "built" if image.action == "build" else "there", image.digest)
        for made in builds
        for image in made.result.images
    ]
    print_result(answer(builds), table(("image", "", "digest"), rows), as_json=session.json)
    failures = {
        f"{image} of {made.result.series}": error
        for made in builds
        for image, error in made.result.failures.items()
    }
    if failures:
        raise SystemExit(report_all(failures))


@command.command()
@session_options()
@click.option(
    "--deployment",
    type=click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True),
    metavar="DIR",
    help="Folder with zuul.conf, main.yaml and config/; else docs/examples/zuul.",
)
@click.option(
    "--project",
    default="scs-build",
    show_default=True,
    metavar="NAME",
    help="Last part of the name that the checkout has in the tenant.",
)
@click.pass_context
def validate(context: click.Context, session: Session, deployment: Path | None, project: str) -> None:
    """Check Zuul's configuration with Zuul's own parsers, and for what these take without a word.

    Reads zuul.d/ of the checkout with the config project of a deployment, and freezes the job graph of every
    pipeline. Needs no server and no network, but Zuul itself: `make setup-zuul`.
    """
    from scs_build.zuul.deployment import EXAMPLE, Deployment
    from scs_build.zuul.validate import validate as validated

    where = Deployment(deployment or session.root / EXAMPLE, session.root, project)
    configuration, findings = validated(where)
    names, pipelines = sorted({job.name for job in configuration.jobs}), sorted(configuration.pipelines)
    value = {"jobs": names, "pipelines": pipelines, "findings": [found.to_json() for found in findings]}
    counts = f"{len(names)} jobs, {len(pipelines)} pipelines, {len(findings)} findings"
    print_result(value, "\n".join([*map(str, findings), counts]), as_json=session.json)
    if findings:
        context.exit(ZuulError.exit_code)
