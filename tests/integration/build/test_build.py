"""The whole way from locks to images: the same bytes, only what changed, and why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from scs_build.build.build import BuildResult
from scs_build.evidence.subject import Subject
from scs_build.manifest.manifest import make_manifest, read_manifest
from scs_build.manifest.verify import verify_manifest
from scs_build.oci.layout import write_layout
from scs_build.store.store import Store
from tests.integration.conftest import ROOT, build_images, graph_of

PROGRAM = [sys.executable, "-m", "scs_build"]
KEYSTONE_LIMITS = {"unpacked": 200_000_000, "packed": 80_000_000}


def digests(result: BuildResult) -> dict[str, str]:
    return {image.name: image.digest for image in result.images}


def layers(result: BuildResult, name: str) -> list[str]:
    image = next(image for image in result.images if image.name == name)
    return [layer["digest"] for layer in image.to_json()["layers"]]


def command(store: Store, *args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SCS_BUILD_STORE": str(store.root), **(env or {})}
    return subprocess.run([*PROGRAM, *args], cwd=ROOT, env=environment, capture_output=True, text=True)


def test_a_second_build_has_nothing_to_do(built: BuildResult, store: Store) -> None:
    again = build_images(store, tuple(digests(built)), offline=True)
    assert [image.action for image in again.images] == ["none"] * len(again.images)
    assert digests(again) == digests(built)


def test_one_line_in_a_file_writes_one_layer(built: BuildResult, store: Store, checkout: Path) -> None:
    path = checkout / "images/iaas/keystone/files/uwsgi.ini"
    path.write_text(path.read_text() + "\n# one more line\n")
    changed = build_images(store, ("keystone",), checkout, offline=True)
    before, after = layers(built, "keystone"), layers(changed, "keystone")
    assert len(set(after) - set(before)) == 1
    assert len(before) == len(after)


def test_a_comment_in_a_recipe_changes_nothing(built: BuildResult, store: Store, checkout: Path) -> None:
    path = checkout / "images/iaas/keystone/recipe.yaml"
    path.write_text("# a comment\n" + path.read_text())
    assert [i.action for i in build_images(store, ("keystone",), checkout, offline=True).images] == ["none"]


def test_a_change_in_the_base_rewrites_one_layer(built: BuildResult, store: Store, checkout: Path) -> None:
    """netbase leaves the base: its layer and no other changes, though every image is made anew."""
    lock = checkout / "images/bases/debian/lock/2026.1.json"
    lines = lock.read_text().splitlines(keepends=True)
    lock.write_text("".join(line.replace('"role": "image"', '"role": "install"') if '"netbase"' in line
                            else line for line in lines))  # fmt: skip
    changed = build_images(store, ("debian", "memcached"), checkout, offline=True)
    assert not changed.failures
    before, after = layers(built, "memcached"), layers(changed, "memcached")
    assert digests(changed)["memcached"] != digests(built)["memcached"]
    assert len(set(after) - set(before)) == 1


def test_a_user_of_the_base_is_in_every_image_that_stands_on_it(
    store: Store, built: BuildResult, checkout: Path
) -> None:
    """The trees above it stay as they are, and yet show another one: a result is that of the whole stack."""
    recipe = checkout / "images/bases/debian/recipe.yaml"
    recipe.write_text(recipe.read_text().replace("users:\n", "users:\n  one-more: {uid: 42999}\n"))
    changed = build_images(store, ("python",), checkout, offline=True)
    assert digests(changed)["python"] != digests(built)["python"]
    passwd = Subject.of(graph_of(checkout), store, "python").contents({"etc/passwd"})["etc/passwd"]
    assert b"one-more:x:42999:" in passwd


def test_a_path_that_nothing_explains_fails_with_its_name(
    store: Store, built: BuildResult, checkout: Path
) -> None:
    table = checkout / "images/paths.yaml"
    rules = table.read_text().splitlines(keepends=True)
    table.write_text("".join(rule for rule in rules if "ca-certificates.conf" not in rule))
    failed = build_images(store, ("debian",), checkout, offline=True).failures["debian"]
    assert failed.exit_code == 32
    assert "/etc/ca-certificates.conf was made while" in failed.reason


def state(checkout: Path, image: str, field: str, rule: str) -> None:
    """Add a rule on paths to a recipe."""
    recipe = checkout / f"images/iaas/{image}/recipe.yaml"
    lines = recipe.read_text().replace(f"\n{field}:\n", f"\n{field}:\n  - {{{rule}}}\n")
    recipe.write_text(lines if f"\n{field}:\n" in lines else f"{lines}{field}:\n  - {{{rule}}}\n")


def test_every_rule_of_every_recipe_is_needed(built: BuildResult) -> None:
    assert built.images
    assert built.unused_rules == ()


def test_a_rule_of_one_image_makes_no_other(built: BuildResult, store: Store, checkout: Path) -> None:
    state(checkout, "memcached", "dropped", 'path: "/usr/lib/debug/**", reason: nobody looks for faults here')
    names = tuple(digests(built))
    changed = build_images(store, names, checkout, offline=True)
    assert {i.name for i in changed.images if i.action == "build"} == {"memcached"}
    assert digests(changed) == digests(built)
    (unused,) = changed.unused_rules
    line = next(n for n, text in enumerate((checkout / unused.where.path).read_text().splitlines(), 1)
                if "/usr/lib/debug" in text)  # fmt: skip
    assert (unused.where.path, unused.where.line) == ("images/iaas/memcached/recipe.yaml", line)
    assert changed.to_json()["unused_rules"] == [{"path": "/usr/lib/debug/**", "where": str(unused.where)}]
    # Said again while it is there, also where nothing is left to build.
    again = build_images(store, ("memcached",), checkout, offline=True)
    assert [i.action for i in again.images] == ["none"]
    assert again.unused_rules == (unused,)


def test_a_rule_for_those_that_stand_on_an_image_is_judged_with_all_of_them(
    built: BuildResult, store: Store, checkout: Path
) -> None:
    recipe = checkout / "images/bases/python/recipe.yaml"
    rule = 'path: "/**/site-packages/slapdtest/**", reason: a server for tests'
    recipe.write_text(f"{recipe.read_text()}dropped:\n  - {{{rule}}}\n")
    child = checkout / "images/iaas/keystone/recipe.yaml"
    lines = child.read_text().splitlines(keepends=True)
    child.write_text("".join(line for line in lines if "slapdtest" not in line and line != "dropped:\n"))
    assert build_images(store, ("python",), checkout, offline=True).unused_rules == ()
    both = build_images(store, ("python", "keystone"), checkout, offline=True)
    assert both.unused_rules == ()
    assert digests(both) == {name: digests(built)[name] for name in ("python", "keystone")}


def test_one_image_that_fails_stops_no_other(store: Store, built: BuildResult, checkout: Path) -> None:
    recipe = checkout / "images/iaas/keystone/recipe.yaml"
    recipe.write_text(recipe.read_text().replace("uwsgi.ini, path", "bad.j2, path"))
    (checkout / "images/iaas/keystone/files/bad.j2").write_text("{{ nothing }}\n")
    result = build_images(store, ("keystone", "memcached"), checkout, offline=True)
    assert list(result.failures) == ["keystone"]
    assert list(digests(result)) == ["memcached"]


def test_the_manifest_holds_and_names_the_first_thing_that_differs(
    built: BuildResult, store: Store, tmp_path: Path
) -> None:
    write_layout(store, tmp_path, {f"{name}:2026.1": digest for name, digest in digests(built).items()})
    manifest = make_manifest(graph_of(), built.images)
    assert verify_manifest(manifest, tmp_path) == []
    layer = manifest.content.images[0].layers[0].digest.removeprefix("sha256:")
    blob = tmp_path / "blobs/sha256" / layer
    data = bytearray(blob.read_bytes())
    data[100] ^= 1
    blob.unlink()
    blob.write_bytes(data)
    problems = verify_manifest(manifest, tmp_path)
    assert f"the file of sha256:{layer} has the digest" in problems[0]


def test_the_command_writes_a_manifest_that_it_verifies(
    built: BuildResult, store: Store, tmp_path: Path
) -> None:
    assert command(store, "build", "--offline", "-o", str(tmp_path)).returncode == 0
    assert read_manifest(tmp_path / "2026.1.json") == make_manifest(graph_of(), built.images)
    answer = json.loads(command(store, "verify", "--json", "-o", str(tmp_path)).stdout)
    assert answer["ok"] is True
    assert answer["problems"] == []


def test_plan_says_what_changed(store: Store, built: BuildResult, checkout: Path) -> None:
    path = checkout / "images/iaas/keystone/files/uwsgi.ini"
    path.write_text(path.read_text() + f"\n# a line that no store has seen: {os.getpid()} {time.time_ns()}\n")
    answer = json.loads(command(store, "plan", "--json", "--root", str(checkout)).stdout)
    lines = {image["name"]: image for image in answer["images"]}
    assert lines["keystone"]["action"] == "build"
    assert lines["keystone"]["reasons"] == ["file changed: files/uwsgi.ini"]
    assert {line["action"] for name, line in lines.items() if name != "keystone"} == {"none"}


def test_keystone_is_small(built: BuildResult) -> None:
    line = next(image for image in built.images if image.name == "keystone").to_json()
    assert line["unpacked_bytes"] <= KEYSTONE_LIMITS["unpacked"]
    assert sum(layer["bytes"] for layer in line["layers"]) <= KEYSTONE_LIMITS["packed"]
