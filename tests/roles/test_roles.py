"""The roles do what they say, do it once, and return to Zuul what it takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from scs_build.manifest.manifest import read_manifest
from tests.roles.conftest import ROOT, Job, Play

SERIES = "2026.1"
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())


@pytest.fixture(scope="module")
def first(job: Job) -> Play:
    play = job.play("pre.yaml", "run.yaml", build_scs_images_names=["memcached"])
    assert play.status == 0, play.said
    return play


def test_an_image_is_built_and_returned(job: Job, first: Play) -> None:
    artifacts = first.returned["zuul"]["artifacts"]
    images = [one for one in artifacts if one["metadata"]["type"] == "scs_image"]
    assert [one["name"] for one in images] == ["memcached:2025.1", "memcached:2026.1"]
    for image in images:
        manifest = read_manifest(job.home / "zuul-output/logs" / image["url"])
        entry = manifest.image("memcached")
        assert entry is not None
        assert (entry.digest, entry.key) == (image["metadata"]["digest"], image["metadata"]["key"])
    layout = json.loads((job.home / "scs-images/oci/index.json").read_text())
    assert {entry["digest"] for entry in layout["manifests"]} == {one["metadata"]["digest"] for one in images}


def test_a_second_time_nothing_changes_and_the_same_is_returned(job: Job, first: Play) -> None:
    again = job.play("pre.yaml", "run.yaml", build_scs_images_names=["memcached"])
    assert (again.status, again.changed) == (0, 0), again.said
    assert again.returned == first.returned


@pytest.mark.usefixtures("first")
def test_a_failed_build_fails_the_job_and_returns_nothing(job: Job) -> None:
    play = job.play("run.yaml", build_scs_images_names=["memcashed"], build_scs_images_series=[SERIES])
    assert play.status != 0
    assert "did you mean `memcached`?" in play.said
    assert play.returned == {}


@pytest.mark.usefixtures("first")
def test_a_variable_of_another_type_is_refused_before_anything_runs(job: Job) -> None:
    play = job.play("run.yaml", build_scs_images_names={"not": "a list"})
    assert play.status != 0
    assert "Validation of arguments failed" in play.said


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_is_described_once_and_has_one_default(role: str) -> None:
    folder = ROOT / "roles" / role
    options = yaml.safe_load((folder / "meta/argument_specs.yml").read_text())["argument_specs"]["main"][
        "options"
    ]
    assert {name: option["default"] for name, option in options.items()} == yaml.safe_load(
        (folder / "defaults/main.yaml").read_text()
    )
    assert all(name.startswith(role.replace("-", "_")) for name in options)
    described = readme_variables(folder / "README.rst")
    assert {name: (one["type"], shown(one["default"])) for name, one in options.items()} == described


def shown(default: object) -> str:
    return default if isinstance(default, str) else json.dumps(default)


def readme_variables(path: Path) -> dict[str, tuple[str, str]]:
    """The variables of a README by name, each with its type and default."""
    text, _, _ = path.read_text().partition("**Output Variables**")
    _, *parts = text.split(".. zuul:rolevar:: ")
    found = {}
    for part in parts:
        name, *lines = part.splitlines()
        fields = dict(line.strip(" :").split(": ", 1) for line in lines if line.startswith("   :"))
        assert any(line.startswith("   ") and not line.startswith("   :") for line in lines), (
            f"{name} has no text"
        )
        found[name] = (fields["type"], fields["default"])
    return found
