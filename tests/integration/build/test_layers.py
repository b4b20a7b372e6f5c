"""A provider's layer over the committed recipes: locked, planned and built with the real engine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scs_build.build.build import BuildResult
from scs_build.canonical import sha256_file
from scs_build.locks.files import read_lock
from scs_build.store.store import Store
from tests.integration.build import parts
from tests.integration.conftest import PLATFORM, ROOT, SERIES

NOTES = """\
format: 1
kind: container
description: what this cloud tells its users
parent: debian
files:
  - {source: notes.txt, path: /usr/share/notes/notes.txt}
"""
MEMCACHED = "images/iaas/memcached"
OURS = ("debian", "python", "keystone", "mariadb")

Answer = Callable[..., Any]


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A layer that adds `notes` on our base and gives memcached more memory; not locked yet."""
    folder = tmp_path_factory.mktemp("acme")
    recipe = (ROOT / MEMCACHED / "recipe.yaml").read_text()
    assert '"256"' in recipe
    files = {
        "layer.yaml": "format: 1\nname: acme\nvendor: Acme Cloud\n",
        f"{MEMCACHED}/recipe.yaml": recipe.replace('"256"', '"512"'),
        "images/operations/notes/recipe.yaml": NOTES,
        "images/operations/notes/files/notes.txt": "welcome\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def answer(layer: Path, store: Store, built: BuildResult) -> Answer:
    """Call a command with the layer, or without, and return its JSON."""

    def call(*args: str, layered: bool = True) -> Any:
        more = ("--recipes", str(layer)) if layered else ()
        done = parts.call(store, *args, *more, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return call


@pytest.fixture(scope="module")
def locked(layer: Path, answer: Answer) -> Any:
    before = hashes(ROOT / "images")
    changes = answer("lock", "memcached", "notes")
    assert hashes(ROOT / "images") == before, "locking with a layer wrote into our recipes"
    return changes


def hashes(folder: Path) -> dict[Path, str]:
    return {path: sha256_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def by_name(answer: Any) -> dict[str, Any]:
    return {image["name"]: image for image in answer["images"]}


def test_locks_are_written_into_the_layer_and_keep_our_versions(layer: Path, locked: Any) -> None:
    own = layer / MEMCACHED / f"lock/{SERIES}.json"
    ours = ROOT / MEMCACHED / f"lock/{SERIES}.json"
    assert read_lock(own, PLATFORM) == read_lock(ours, PLATFORM)
    assert locked["rebuilds"] == ["memcached", "notes"]
    assert (layer / f"images/operations/notes/lock/{SERIES}.json").is_file()
    assert {change["image"] for change in locked["changes"]} == {"memcached", "notes"}


def test_a_second_lock_changes_nothing(locked: Any, answer: Answer) -> None:
    assert answer("lock", "memcached", "notes")["changes"] == []
    assert answer("lock", "--check")["notes"] == []


def test_what_the_layer_does_not_touch_has_our_keys(locked: Any, answer: Answer) -> None:
    ours, theirs = by_name(answer("plan", layered=False)), by_name(answer("plan"))
    assert {name: theirs[name]["key"] for name in OURS} == {name: ours[name]["key"] for name in OURS}
    assert theirs["memcached"]["key"] != ours["memcached"]["key"]
    origins = {name: image["origin"] for name, image in theirs.items()}
    assert origins == {**{name: [] for name in OURS}, "memcached": ["acme"], "notes": ["acme"]}
    assert all(image["origin"] == [] for image in ours.values())
    assert answer("why", "notes")["origin"] == ["acme"]


def test_images_are_built_marked_and_ours_are_equal(
    locked: Any, answer: Answer, built: BuildResult, store: Store, layer: Path, tmp_path: Path
) -> None:
    made = by_name(answer("build", "-o", str(tmp_path)))
    digests = {image.name: image.digest for image in built.images}
    assert {name: made[name]["digest"] for name in OURS} == {name: digests[name] for name in OURS}
    assert made["memcached"]["digest"] != digests["memcached"]
    # The options of a service are configuration: every layer of the image is the very one of ours.
    mine = next(image.to_json() for image in built.images if image.name == "memcached")
    assert made["memcached"]["layers"] == mine["layers"]
    assert "512" in config(store, made["memcached"]["digest"])["Cmd"]
    for name in ("memcached", "notes"):
        labels = config(store, made[name]["digest"])["Labels"]
        assert labels["community.scs.layers"] == "acme"
        assert labels["org.opencontainers.image.vendor"] == "Acme Cloud"
    manifest = json.loads((tmp_path / f"{SERIES}.json").read_text())
    marked = {image["name"]: image.get("origin") for image in manifest["content"]["images"]}
    assert marked == {**dict.fromkeys(OURS), "memcached": ["acme"], "notes": ["acme"]}
    assert str(layer) not in json.dumps(manifest)
    # Nothing to do, and known without reading a recipe: with the layer, and apart from the plan without it.
    assert {image["action"] for image in answer("plan")["images"]} == {"none"}
    assert set(by_name(answer("plan"))) == {*OURS, "memcached", "notes"}
    assert set(by_name(answer("plan", layered=False))) == {*OURS, "memcached"}
    assert by_name(answer("plan"))["notes"]["origin"] == ["acme"]


def test_a_part_that_is_built_over_ours_is_told_until_the_rest_is_there(
    locked: Any, layer: Path, built: BuildResult, store: Store, tmp_path: Path
) -> None:
    """A manifest says what is in its folder, or `verify` says what is not, and the command that mends it."""
    folder, layered = ("-o", str(tmp_path)), ("--recipes", str(layer))

    def call(*args: str, status: int = 0) -> str:
        done = parts.call(store, *args, *folder)
        assert done.returncode == status, done.stderr
        return done.stderr

    call("build")
    call("verify")
    command = f"scs-build build --recipes {layer} --output {tmp_path} "
    warning = f"warning: {tmp_path}/{SERIES}.json is from before, with another memcached: `{command}"
    assert warning in call("build", "memcached", *layered)
    said = call("verify", *layered, status=33)
    assert "memcached: the layout has another image of that name" in said
    assert f"run: scs-build build --series {SERIES} --output {tmp_path} --recipes {layer}" in said
    # With the last one that the series lacks it is whole: the manifest is written.
    assert "warning" not in call("build", "notes", *layered)
    call("verify")
    # And one of ours in its place again makes it ours, as all else of ours is there.
    assert "warning" not in call("build", "memcached")
    call("verify")


def test_a_rule_of_the_layers_table_that_no_image_of_it_needs_is_told(
    locked: Any, layer: Path, built: BuildResult, store: Store, tmp_path: Path
) -> None:
    """It is judged with all images that the layer touches; one that an image needs is not told."""
    shutil.copytree(layer, tmp_path / "layer")
    needed = "/etc/memcached.conf"
    recipe = tmp_path / "layer" / MEMCACHED / "recipe.yaml"
    lines = recipe.read_text().splitlines(keepends=True)
    recipe.write_text("".join(line for line in lines if needed not in line and line != "dropped:\n"))
    (tmp_path / "layer/images/paths.yaml").write_text(
        f"format: 1\ngenerated: []\ndropped:\n  - {{path: {needed}, reason: recipes name the options}}\n"
        "  - {path: /srv/never/**, reason: nobody needs it}\n"
    )

    def unused(*images: str) -> Any:
        where = ("--recipes", str(tmp_path / "layer"), "-o", str(tmp_path / "out"), "--json")
        done = parts.call(store, "build", *images, *where)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)["unused_rules"]
        assert all(f"warning: {rule['where']}: the rule on {rule['path']}" in done.stderr for rule in found)
        return found

    assert unused("notes") == []
    table = f"{tmp_path}/layer/images/paths.yaml"
    assert unused() == [{"path": "/srv/never/**", "where": f"{table}:5:5"}]


def config(store: Store, digest: str) -> Any:
    def read(name: str) -> Any:
        return json.loads(store.blob(name.removeprefix("sha256:")).read_bytes())

    return read(read(digest)["config"]["digest"])["config"]
