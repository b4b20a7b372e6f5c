"""What `scs-build build` says at the end, and when it writes the manifest of the series."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scs_build.build.build import BuildResult, BuiltImage
from scs_build.cli.build import result_text, whole_series
from scs_build.cli.common import graph_of
from scs_build.cli.options import Session
from scs_build.oci.layout import REF_NAME
from scs_build.plan.history import NOTHING
from tests.unit.plan.conftest import World

LAYER = {"digest": "sha256:1", "diff_id": "sha256:2", "bytes": 1_000_000, "unpacked": 2_000_000}
APP, OTHER = f"sha256:{'0' * 64}", f"sha256:{'1' * 64}"
IMAGES = ("base", "app", "sibling")


def result(*names: str) -> BuildResult:
    record = {"result": APP, "layers": [LAYER]}
    return BuildResult(
        "2026.1", "linux/amd64", 1.0, tuple(BuiltImage(name, "key", "build", 1.0, record) for name in names)
    )


def lay_out(output: Path, digests: dict[str, str]) -> None:
    entries = [{"digest": d, "annotations": {REF_NAME: f"{name}:2026.1"}} for name, d in digests.items()]
    (output / "oci").mkdir(parents=True, exist_ok=True)
    (output / "oci/oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (output / "oci/index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A session in whose store are a base and a sibling, built as they are to be, and no application."""
    session = Session(root_option=World(tmp_path / "checkout").root, store_option=tmp_path / "store")
    graph = graph_of(session)
    for name in ("base", "sibling"):
        session.store.put_record(graph.image(name).key, {"result": OTHER, "layers": [LAYER], "uses": NOTHING})
    return session


def whole(session: Session, output: Path, *built: str) -> list[str]:
    return [i.name for i in whole_series(session, graph_of(session), result(*built), output)]


def test_a_series_is_whole_when_the_rest_lies_there_as_it_is_to_be(session: Session, tmp_path: Path) -> None:
    lay_out(tmp_path, {"app": APP, "base": OTHER, "sibling": OTHER})
    assert sorted(whole(session, tmp_path, "app")) == sorted(IMAGES)


@pytest.mark.parametrize(
    ("digests", "built"),
    [
        ({"app": APP}, "app"),  # the rest is in the store, and not in the folder
        ({"app": APP, "base": OTHER, "sibling": APP}, "app"),  # another sibling is there
        (
            {"app": APP, "base": OTHER, "sibling": APP},
            "sibling",
        ),  # the store has no application as it is to be
    ],
)
def test_a_part_of_the_series_is_no_whole(
    session: Session, tmp_path: Path, digests: dict[str, str], built: str
) -> None:
    lay_out(tmp_path, digests)
    assert whole(session, tmp_path, built) == []


def test_where_another_image_has_no_lock_there_is_no_whole(session: Session, tmp_path: Path) -> None:
    lay_out(tmp_path, {"app": APP, "base": OTHER, "sibling": OTHER})
    (session.root / "images/iaas/sibling/lock/2026.1.json").unlink()
    assert whole(session, tmp_path, "app") == []


def test_a_manifest_is_named_where_one_is_written() -> None:
    output, made = Path("out"), result(*IMAGES)
    assert result_text(made, output, None).endswith("in 1.0 s; images in out/oci")
    assert result_text(made, output, output / "2026.1.json").endswith(
        "manifest of the series out/2026.1.json"
    )
