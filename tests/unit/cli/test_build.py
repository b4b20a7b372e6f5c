"""What `scs-build build` says at the end."""

from __future__ import annotations

from pathlib import Path

from scs_build.build.build import BuildResult, BuiltImage
from scs_build.cli.build import result_text, written_manifest
from scs_build.cli.options import Session
from tests.unit.plan.conftest import World

LAYER = {"digest": "sha256:1", "diff_id": "sha256:2", "bytes": 1_000_000, "unpacked": 2_000_000}


def result(*names: str) -> BuildResult:
    record = {"result": f"sha256:{'0' * 64}", "layers": [LAYER]}
    return BuildResult(
        "2026.1", "linux/amd64", 1.0, tuple(BuiltImage(name, "key", "build", 1.0, record) for name in names)
    )


def test_a_part_of_the_series_has_no_manifest_and_none_is_named(tmp_path: Path) -> None:
    session, output = Session(root_option=World(tmp_path).root), Path("out")
    part = result("app")
    whole = result(*session.catalogue.images(session.catalogue.series("2026.1")))
    assert written_manifest(session, part, output) is None
    assert written_manifest(session, whole, output) == output / "2026.1.json"
    assert result_text(part, output, None).endswith("in 1.0 s; images in out/oci")
    assert result_text(whole, output, output / "2026.1.json").endswith(
        "manifest of the series out/2026.1.json"
    )
