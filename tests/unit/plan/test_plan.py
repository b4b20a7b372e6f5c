"""The plan: what must run, in which order, why - and what it costs to know."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from scs_build.errors import InputError, LockError
from scs_build.plan.affected import checkout, compare, keys_of
from scs_build.plan.history import NOTHING, remember, remember_built
from scs_build.plan.plan import GONE, Plan, make_plan
from scs_build.plan.reasons import NEVER, NOT_HERE
from scs_build.store.store import Store
from tests.unit.plan.conftest import LOCKS, SERIES, World

NAMES = ("base", "app", "sibling")
HEAVY = ("requests", "docker", "openstack", "jinja2", "rich", "debian", "sh")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def plan(world: World, store: Store, names: Iterable[str] = NAMES) -> Plan:
    return make_plan(world.graph(), store, tuple(names))


def pretend_built(world: World, store: Store) -> None:
    """Leave the records of a build of everything; each image's stands on a blob of its own."""
    graph = world.graph()
    for name in NAMES:
        for step in graph.image(name).closure().values():
            blobs = [store.add_bytes(step.name.encode())] if step.kind == "image" else []
            remember(store, SERIES, step, {"result": step.name, "uses": {**NOTHING, "blobs": blobs}})
        remember_built(store, graph, graph.image(name).closure().values())


def test_everything_runs_first_what_others_need(world: World, store: Store) -> None:
    for image in plan(world, store).images:
        names = [planned.step.name for planned in image.steps]
        assert names[0] == "tools"
        assert names[-1] == f"image:{image.name}"
        for number, planned in enumerate(image.steps):
            assert {s.name for s in planned.step.needs} <= set(names[:number])
        assert image.reasons == [NEVER]


def test_what_was_built_is_not_planned(world: World, store: Store) -> None:
    pretend_built(world, store)
    assert [(image.action, image.reasons) for image in plan(world, store).images] == [("none", [])] * 3
    assert plan(world, store).artefacts() == ()


def test_a_changed_package_is_named_with_both_versions_where_it_counts(world: World, store: Store) -> None:
    pretend_built(world, store)
    world.lock("bases/base", [("deb", "openssl", "3.5.2"), ("deb", "python3.13", "3.13.5")])
    for image in plan(world, store).images:
        assert image.reasons == ["lock changed: openssl 3.5.1 -> 3.5.2"]


def test_a_changed_file_reads_no_artefact_and_touches_no_other_image(world: World, store: Store) -> None:
    pretend_built(world, store)
    world.write("iaas/app/files/app.ini", "two\n")
    found = plan(world, store)
    assert [image.action for image in found.images] == ["none", "build", "none"]
    assert found.images[1].reasons == ["file changed: files/app.ini"]
    assert [p.step.name for p in found.images[1].steps] == ["files:app", "image:app"]
    assert found.artefacts() == ()


def test_a_branch_or_checkout_built_in_between_changes_no_reason(
    world: World, store: Store, tmp_path: Path
) -> None:
    """The store is everybody's; what changed is told as it changed here."""
    pretend_built(world, store)
    other = World(Path(shutil.copytree(world.root, tmp_path / "other")))
    other.write("iaas/app/files/app.ini", "of another branch\n")
    other.lock("bases/base", [("deb", "openssl", "9.9.9"), ("deb", "python3.13", "3.13.5")])
    pretend_built(other, store)
    world.write("iaas/app/files/app.ini", "two\n")
    images = {image.name: image for image in plan(world, store).images}
    assert images["app"].reasons == ["file changed: files/app.ini"]


def test_a_checkout_that_was_never_built_is_compared_with_another_and_that_is_said(
    world: World, store: Store, tmp_path: Path
) -> None:
    pretend_built(world, store)
    other = World(Path(shutil.copytree(world.root, tmp_path / "other")))
    assert [image.action for image in plan(other, store).images] == ["none"] * 3
    other.write("iaas/app/files/app.ini", "two\n")
    assert plan(other, store).images[1].reasons == [
        NOT_HERE, "unlike the last build of another: file changed: files/app.ini",
    ]  # fmt: skip


def test_a_result_that_went_is_a_reason(world: World, store: Store) -> None:
    pretend_built(world, store)
    (blob,) = store.record(world.graph().image("app").key)["uses"]["blobs"]
    store.blob(blob).unlink()
    assert [image.action for image in plan(world, store).images] == ["none", "build", "none"]
    assert plan(world, store, ["app"]).images[0].reasons == [GONE]


def test_the_json_has_the_fields_that_others_build_on(world: World, store: Store) -> None:
    answer = json.loads(json.dumps(plan(world, store).to_json()))
    assert answer["series"] == SERIES
    for image in answer["images"]:
        assert image.keys() >= {"name", "kind", "key", "action", "reasons"}
        assert image["action"] in ("none", "build")


def test_artefacts_are_named_once(world: World, store: Store) -> None:
    hashes = [artefact.sha256 for artefact in plan(world, store).artefacts()]
    assert len(hashes) == len(set(hashes)) == sum(len(lines) for lines in LOCKS.values())


def test_planning_writes_nothing_asks_no_network_and_imports_nothing_heavy(
    world: World, tmp_path: Path
) -> None:
    code = f"""
import socket, sys
def refuse(*args, **kwargs): raise AssertionError("the plan asked the network")
socket.socket = socket.create_connection = refuse
from scs_build.cli.main import main
status = main(["plan", "--json", "--root", {str(world.root)!r}, "--store", {str(tmp_path / "none")!r}])
heavy = [name for name in {HEAVY!r} if name in sys.modules]
sys.stderr.write(repr((status, heavy)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == "(0, [])"
    assert {image["name"] for image in json.loads(done.stdout)["images"]} == set(NAMES)
    assert not (tmp_path / "none").exists()


def git(root: Path, *args: str) -> None:
    settings = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(root), *settings, *args], check=True, capture_output=True)


@pytest.fixture
def repository(world: World) -> World:
    git(world.root, "init", "--quiet")
    git(world.root, "add", ".")
    git(world.root, "commit", "--quiet", "-m", "first")
    return world


def affected(world: World, revision: str, into: Path) -> dict[str, str]:
    checkout(world.root, revision, into)
    return compare(keys_of(into, SERIES, "linux/amd64"), keys_of(world.root, SERIES, "linux/amd64"))


def test_affected_is_what_has_another_key_than_at_a_revision(repository: World, tmp_path: Path) -> None:
    repository.write("iaas/app/files/app.ini", "two\n")
    repository.write("iaas/new/recipe.yaml", "format: 1\nkind: container\ndescription: new\nparent: base\n")
    repository.lock("iaas/new", [])
    for path in (repository.root / "images/iaas/sibling").rglob("*.*"):
        path.unlink()
    before = tmp_path / "before"
    before.mkdir()
    assert affected(repository, "HEAD", before) == {"app": "changed", "new": "added", "sibling": "removed"}


def test_nothing_is_affected_by_a_comment(repository: World, tmp_path: Path) -> None:
    repository.change("bases/base/recipe.yaml", "format: 1", "# why\nformat: 1")
    before = tmp_path / "before"
    before.mkdir()
    assert affected(repository, "HEAD", before) == {}


def test_a_revision_that_is_not_there_is_a_wrong_input(repository: World, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'nowhere'"):
        checkout(repository.root, "nowhere", tmp_path)


def test_a_revision_is_never_an_option_of_git(repository: World, tmp_path: Path) -> None:
    written = tmp_path / "written"
    with pytest.raises(InputError):
        checkout(repository.root, f"--output={written}", tmp_path)
    assert not written.exists()


def test_a_link_that_leads_out_of_a_revision_is_an_error_or_stays_a_link(
    repository: World, tmp_path: Path
) -> None:
    """Python 3.11.2, that of Debian 12, refuses nothing yet: it makes the link, and nothing follows it."""
    (repository.root / "images/iaas/away").symlink_to("/etc")
    git(repository.root, "add", ".")
    git(repository.root, "commit", "--quiet", "-m", "away")
    try:
        checkout(repository.root, "HEAD", tmp_path)
    except InputError as error:
        assert "cannot be unpacked" in error.reason
    else:
        assert (tmp_path / "images/iaas/away").is_symlink()


def test_a_pipe_or_a_device_among_the_recipes_keeps_no_plan_waiting(world: World, tmp_path: Path) -> None:
    lock = world.root / f"images/iaas/app/lock/{SERIES}.json"
    lock.unlink()
    lock.symlink_to("/dev/zero")
    os.mkfifo(world.root / "images/iaas/app/files/pipe")
    place = ["--root", str(world.root), "--store", str(tmp_path / "none")]
    argv = [sys.executable, "-m", "scs_build", "plan", *place]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == LockError.exit_code
    assert f"{lock}: is no regular file" in done.stderr
