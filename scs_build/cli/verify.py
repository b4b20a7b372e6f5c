"""`scs-build verify`: are the images what a manifest says?"""

from __future__ import annotations

from pathlib import Path

import click

from scs_build.cli.common import evidence_of, layout_of, manifest_there, output_option
from scs_build.cli.options import Session, session_options
from scs_build.cli.output import print_result
from scs_build.errors import VerificationError


@click.command()
@click.argument("manifest", type=click.Path(path_type=Path), required=False)
@output_option
@session_options("series")
def command(session: Session, manifest: Path | None, output: Path) -> None:
    """Check that images are what a manifest says.

    Reads MANIFEST (that of the series in the output folder when not given), every blob that it names in
    the OCI layout, and the statements of its evidence index; contacts nothing. What differs is named, the
    first difference first.
    """
    from scs_build.manifest.evidence import verify_evidence
    from scs_build.manifest.manifest import read_manifest
    from scs_build.manifest.verify import verify_manifest

    path = manifest or manifest_there(session, output)
    found = read_manifest(path)
    problems = verify_manifest(found, layout_of(output), session.jobs)
    problems += verify_evidence(found, evidence_of(output))
    answer = {"ok": not problems, "problems": problems, "manifest": str(path), "digest": found.digest}
    text = f"{len(found.content.images)} images are as {path} says ({found.digest})"
    if found.evidence:
        against = [f"{entry.check} of {entry.image}" for entry in found.evidence if not entry.ok]
        said = f", and all is well but {', '.join(against)}" if against else ", and all is well"
        text += f"\n{len(found.evidence)} statements are about these very images{said}"
    print_result(answer, "" if problems else text, as_json=session.json)
    if problems:
        raise VerificationError(
            "\n".join(problems),
            solution="remove what is named, build and check again; or fetch it where the manifest came from",
        )
