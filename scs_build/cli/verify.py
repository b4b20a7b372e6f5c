"""`scs-build verify`: are the images what a manifest says?"""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scs_build.cli.common import evidence_of, layout_of, manifest_there, output_of, output_option
from scs_build.cli.options import Session, session_options
from scs_build.cli.output import print_result
from scs_build.errors import VerificationError

if TYPE_CHECKING:
    from scs_build.manifest.manifest import Manifest


@click.command()
@click.argument("manifest", type=click.Path(path_type=Path), required=False)
@output_option
@session_options("series")
def command(session: Session, manifest: Path | None, output: Path) -> None:
    """Check that images are what a manifest says.

    Reads MANIFEST (that of the series in the output folder when not given), every blob that it names in
    the OCI layout, and the statements of its evidence index; contacts nothing. Layout and statements are
    those beside MANIFEST, unless an output folder is named. What differs is named, the first difference
    first.
    """
    from scs_build.manifest.evidence import verify_evidence
    from scs_build.manifest.manifest import read_manifest
    from scs_build.manifest.verify import verify_manifest

    path, output = manifest or manifest_there(session, output), output_of(manifest, output)
    found, layout = read_manifest(path), layout_of(output)
    problems = verify_manifest(found, layout, session.jobs)
    problems += verify_evidence(found, evidence_of(output))
    answer = {"ok": not problems, "problems": problems, "manifest": str(path), "layout": str(layout)}
    answer["digest"] = found.digest
    text = f"{len(found.content.images)} images in {layout} are as {path} says ({found.digest})"
    if found.evidence:
        against = [f"{entry.check} of {entry.image}" for entry in found.evidence if not entry.ok]
        said = f", and all is well but {', '.join(against)}" if against else ", and all is well"
        text += f"\n{len(found.evidence)} statements are about these very images{said}"
    print_result(answer, "" if problems else text, as_json=session.json)
    if problems:
        told = "\n".join((f"{layout} is not as {path} says:", *problems))
        raise VerificationError(told, solution=_mended(found, layout, problems, output))


def _mended(manifest: Manifest, layout: Path, problems: list[str], output: Path) -> str:
    """Return what to do about problems: build, where nothing is wrong but that a part was built since."""
    from scs_build.errors import ScsBuildError
    from scs_build.manifest.verify import unlisted

    where = f"--series {manifest.content.series} --output {shlex.quote(str(output))}"
    with suppress(ScsBuildError):  # no layout at all: told already
        if sum(other is not None for other in unlisted(manifest, layout).values()) == len(problems):
            return f"run: scs-build build {where}"
    return (
        f"remove what is named, then run `scs-build build {where}` and `scs-build check {where}`;"
        " or fetch it where the manifest came from"
    )
