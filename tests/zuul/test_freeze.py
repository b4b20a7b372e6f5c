"""Which jobs Zuul itself runs for a change, compared with the images whose keys the change alters."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from scs_build.plan.affected import compare, keys_of
from scs_build.recipes.catalogue import Catalogue
from scs_build.zuul.configuration import Configuration
from tests.zuul.conftest import ROOT, Excess

PLATFORM = "linux/amd64"
SERIES = Catalogue.load(ROOT).series_names
OTHER = "0" * 64


def paths_below(folder: str) -> list[str]:
    argv = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files", "-z", folder]
    listing = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return [path for path in listing.split("\0") if path and (ROOT / path).is_file()]


def changed_lock(text: str) -> str:
    """Every artefact has other bytes."""
    lock = json.loads(text)
    for lines in lock["platforms"].values():
        for line in lines:
            line["sha256"] = OTHER
    return json.dumps(lock)


# A rule on paths.
TOUCHED = {"path": "/touched/**", "reason": "nobody needs what was touched"}


def changed_recipe(text: str) -> str:
    """What images of any kind can say, and what their children inherit."""
    recipe = yaml.safe_load(text)
    recipe["description"] += ", touched"
    recipe.setdefault("environment", {})["TOUCHED"] = "yes"
    recipe.setdefault("links", {})["/touched"] = "elsewhere"
    recipe.setdefault("users", {})["touched"] = {"uid": 64999}
    if recipe["kind"] == "container":
        recipe.setdefault("dropped", []).append(TOUCHED)
    return yaml.safe_dump(recipe)


def changed_series(text: str) -> str:
    series = yaml.safe_load(text)
    series["released"] = "2020-02-20"
    return yaml.safe_dump(series)


def changed_paths(text: str) -> str:
    paths = yaml.safe_load(text)
    paths["dropped"].append(TOUCHED)
    return yaml.safe_dump(paths)


def change_of(path: str) -> Callable[[str], str]:
    """Return the change of a file that alters as many keys as one can."""
    name, folder = Path(path).name, Path(path).parent.name
    if folder == "lock":
        return changed_lock
    named = {"recipe.yaml": changed_recipe, "series.yaml": changed_series, "paths.yaml": changed_paths}
    return named.get(name, lambda text: text + "\n# touched\n")


def keys(root: Path) -> dict[str, str]:
    """The key of each image of each series."""
    return {
        f"{image} {series}": key
        for series in SERIES
        for image, key in keys_of(root, series, PLATFORM).items()
    }


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "images", root / "images")
    return root


@pytest.fixture(scope="module")
def before(copy: Path) -> dict[str, str]:
    return keys(copy)


def affected(copy: Path, before: dict[str, str], path: str) -> set[str]:
    """What `scs-build affected` says of a change of this file, in each series."""
    file = copy / path
    text = file.read_text()
    file.write_text(change_of(path)(text))
    try:
        return set(compare(before, keys(copy)))
    finally:
        file.write_text(text)


def batches(configuration: Configuration, *paths: str) -> list[set[str]]:
    """The images of each job that runs for a change of these files; no files: of all jobs."""
    jobs = configuration.freeze("check", paths)
    named = (job.variables.get("build_scs_images_names") for job in jobs)
    return [set(names) for names in named if isinstance(names, (list, tuple))]


@pytest.mark.parametrize("path", paths_below("images"))
def test_a_job_runs_for_every_image_that_a_change_affects(
    path: str, configuration: Configuration, copy: Path, before: dict[str, str], excess: Excess
) -> None:
    wanted = affected(copy, before, path)
    images = {name.partition(" ")[0] for name in wanted}
    built = batches(configuration, path)
    assert images <= set().union(*built), "Zuul builds too little"
    # Never a job without need; only a recipe may change without changing a key (a comment, for example).
    assert all(batch & images for batch in built) or Path(path).name == "recipe.yaml"
    # The change was one that matters: nothing is proven by one that alters no key.
    assert images or not {"lock", "files"}.intersection(Path(path).parts)
    excess.count(wanted, [f"{image} {series}" for batch in built for image in batch for series in SERIES])


def test_what_is_built_without_need_is_bounded(excess: Excess) -> None:
    """A job builds a layer, and all series of it, from one store in which they share nearly all steps."""
    assert excess.built <= 2 * len(SERIES) * excess.affected


@pytest.mark.parametrize("pipeline", ["check", "gate"])
def test_jobs_wait_for_those_that_build_what_they_stand_on(
    pipeline: str, configuration: Configuration
) -> None:
    catalogue = Catalogue.load(ROOT)
    jobs = configuration.freeze(pipeline, ["images/paths.yaml"])
    builds = {job.name: job for job in jobs if "build_scs_images_names" in job.variables}
    home = {image: job.name for job in builds.values() for image in job.variables["build_scs_images_names"]}  # type: ignore[attr-defined]
    assert set(home) == {key.partition(" ")[0] for key in keys(ROOT)}
    for image, name in home.items():
        below = {home[other] for other in catalogue.lineage(image)} - {name}
        assert below <= builds[name].waits_for


def test_the_code_that_builds_runs_every_job(configuration: Configuration) -> None:
    every = batches(configuration)
    for path in ("scs_build/plan/step.py", "scs_build/build/venv.py", "requirements/run.txt"):
        assert batches(configuration, path) == every


@pytest.mark.parametrize(
    "path",
    ["README.md", "scs_build/cli/main.py", "tests/zuul/test_freeze.py", "images/series/keys/keys.json"],
)
def test_what_no_image_depends_on_builds_none_and_is_tested(path: str, configuration: Configuration) -> None:
    assert batches(configuration, path) == []
    assert [job.name for job in configuration.freeze("check", [path])] == ["test-scs-build"]
