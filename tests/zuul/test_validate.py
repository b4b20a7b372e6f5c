"""Every kind of mistake is found, and named with its file and line."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from scs_build.cli.main import main
from scs_build.errors import InputError, ProgramError, ZuulError
from scs_build.zuul import offline
from scs_build.zuul.deployment import EXAMPLE, Deployment, config_files
from scs_build.zuul.validate import validate
from tests.zuul.conftest import ROOT

PARTS = ("docs/examples/zuul", "images", "playbooks", "requirements", "roles", "scs_build", "zuul.d")


class Checkout:
    """A copy of what Zuul reads, and a way to break it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def change(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text()
        assert text.count(old) >= 1, f"{old!r} is not in {path}"
        (self.root / path).write_text(text.replace(old, new, 1))

    def append(self, path: str, text: str) -> None:
        with (self.root / path).open("a") as stream:
            stream.write(text)

    def findings(self, project: str = "scs-build") -> list[str]:
        return [str(found) for found in validate(Deployment(self.root / EXAMPLE, self.root, project))[1]]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    for part in PARTS:
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return Checkout(tmp_path)


def line_of(checkout: Checkout, path: str, text: str, *, last: bool = False) -> int:
    lines = (checkout.root / path).read_text().splitlines()
    return [number for number, line in enumerate(lines, 1) if text in line][-1 if last else 0]


JOBS, IMAGES, PROJECT = "zuul.d/jobs.yaml", "zuul.d/images.yaml", "zuul.d/project.yaml"
PIPELINES = f"{EXAMPLE}/config/zuul.d/pipelines.yaml"
TEST = "playbooks/test-scs-build/run.yaml"
# Found when the graph of the project's jobs is frozen, so that the project is the place.
FROZEN = "frozen"


def test_our_own_configuration_is_sound(checkout: Checkout) -> None:
    assert checkout.findings() == []


# file, what is replaced, by what, at which text's line it is found, and what is said
BY_ZUUL = {
    "an unknown attribute": (JOBS, "attempts: 2", "atempts: 2", "- job:", "extra keys not allowed"),
    "a key twice": (JOBS, "attempts: 2", "run: again", "name:", '"run" appears more than once'),
    "bad YAML": (JOBS, "attempts: 2", "attempts: {2", "timeout", "flow mapping"),
    "no such parent": (IMAGES, "parent: build-scs-images", "parent: nobody", "- job:", "nobody"),
    "no such label": ("zuul.d/nodesets.yaml", "debian-trixie", "windows", "- nodeset", 'label "windows"'),
    "no such nodeset": (JOBS, "nodeset: scs-build", "nodeset: a", "- job:", 'nodeset "a"'),
    "no such template": (PROJECT, "scs-images", "scs-pictures", "- project", "scs-pictures"),
    "no such job": (PROJECT, "- test-scs-build", "- best-scs-build", "- project", "best-scs-build"),
    "another syntax of expressions": (IMAGES, "- ^images/bases", "- ^(?!x)images", "name:", "RE2"),
    "too much time": (JOBS, "timeout: 7200", "timeout: 72000", "- job:", "exceeds tenant max-job-timeout"),
    "a bad trigger": (PIPELINES, "event: patchset-created", "evnt: x", "- pipeline", "extra keys"),
    "no such dependency": (
        IMAGES,
        "name: build-scs-images-1\n        soft: true",
        "name: base",
        FROZEN,
        "base",
    ),
    "a circle": (IMAGES, "    vars:", "    dependencies: build-scs-images-2\n    vars:", FROZEN, "cycle"),
    "an abstract job": (PROJECT, "- test-scs-build", "- build-scs-images", FROZEN, "abstract"),
}


@pytest.mark.parametrize("case", BY_ZUUL)
def test_zuul_finds(case: str, checkout: Checkout) -> None:
    path, old, new, where, said = BY_ZUUL[case]
    checkout.change(path, old, new)
    if where == FROZEN:
        path, where = PROJECT, "- project"
    place = f"{path}:{line_of(checkout, path, where)}: "
    found = checkout.findings()
    assert any(line.startswith(place) and said in line for line in found), found


HEAD = "\n- job:\n    name: test-scs-build"
NAME = "    name: test-scs-build"
DEAD = f"\n- job:\n    name: dead\n    parent: build-scs-images\n{HEAD}"
OURS = {
    "a pipeline that is not there": (PROJECT, "gate:", "gat:", "- project", "no pipeline `gat`"),
    "a playbook that is not there": (JOBS, TEST, "playbooks/no.yaml", NAME, "playbook playbooks/no.yaml"),
    "a pattern without a file": (IMAGES, "^images/bases/debian/", "^image/", "- job:", "`^image/` in files"),
    "a job that nobody runs": (JOBS, HEAD, DEAD, "name: dead", "no pipeline runs it"),
    "a second definition": (JOBS, HEAD, f"{HEAD}\n{HEAD}", NAME, "is defined before, in zuul.d/jobs.yaml:"),
    "a semaphore of nobody": (JOBS, "attempts: 2", "semaphores: cloud", "- job:", "semaphore `cloud`"),
    "a playbook's semaphore": (
        JOBS,
        f": {TEST}",
        f": {{name: {TEST}, semaphores: a}}",
        NAME,
        "semaphore `a`",
    ),
    "no variables": (JOBS, "attempts: 2", "include-vars: no.yaml", "- job:", "file of variables no.yaml"),
    "an image of nobody": (JOBS, "attempts: 2", "image-build-name: vm", "- job:", "image `vm`"),
}


@pytest.mark.parametrize("case", OURS)
def test_what_zuul_takes_without_a_word_is_found(case: str, checkout: Checkout) -> None:
    path, old, new, where, said = OURS[case]
    checkout.change(path, old, new)
    last = case == "a second definition"
    line = line_of(checkout, path, where, last=last) - ("name:" in where)  # an object begins before its name
    found = checkout.findings()
    assert any(text.startswith(f"{path}:{line}: error: ") and said in text for text in found), found


def test_a_variant_for_a_branch_is_meant(checkout: Checkout) -> None:
    checkout.append(JOBS, "\n- job: {name: test-scs-build, branches: stable, timeout: 600}\n")
    assert checkout.findings() == []


def test_the_config_project_is_looked_at_too(checkout: Checkout) -> None:
    (checkout.root / EXAMPLE / "config/playbooks/base/pre.yaml").unlink()
    [found] = checkout.findings()
    assert found.startswith(f"{EXAMPLE}/config/zuul.d/jobs.yaml:2: error: ")
    assert "playbooks/base/pre.yaml, which is not there" in found


def test_a_pipeline_in_the_project_itself_is_refused(checkout: Checkout) -> None:
    checkout.append(PROJECT, "\n- pipeline: {name: own, manager: independent, trigger: {}}\n")
    assert any("ipeline" in found and found.startswith(f"{PROJECT}:") for found in checkout.findings())


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("zuul.conf", "driver=gerrit", "driver=gerit", "a connection is not valid"),
        ("zuul.conf", "[connection static]", "connection static", "zuul.conf"),
        ("main.yaml", "use-nodepool", "use-nodepol", "extra keys not allowed"),
        ("main.yaml", "gerrit:", "github:", "github"),
        ("main.yaml", "- scs/scs-build", "- scs/other", "no untrusted project is named scs-build"),
        ("main.yaml", "config-projects:", "config-projects:\n          - two", "exactly one config project"),
        ("main.yaml", "- tenant:", "- tenant: {name: two}\n- tenant:", "exactly one tenant"),
    ],
)
def test_a_deployment_that_cannot_be_read_is_an_error_with_a_place(
    path: str, old: str, new: str, said: str, checkout: Checkout
) -> None:
    checkout.change(f"{EXAMPLE}/{path}", old, new)
    with pytest.raises(ZuulError, match=said) as caught:
        checkout.findings()
    assert str(caught.value.where).startswith(f"{EXAMPLE}/{path}")


def test_a_folder_without_a_tenant_says_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file") as caught:
        validate(Deployment(tmp_path, ROOT, "scs-build"))
    assert str(caught.value.where).endswith("zuul.conf")
    assert str(EXAMPLE) in str(caught.value.solution)


def test_folders_that_zuul_ignores_are_not_read(tmp_path: Path) -> None:
    for path in (
        "zuul.d/b.yaml",
        "zuul.d/a/x.yaml",
        "zuul.d/examples/no.yaml",
        "zuul.d/examples/.zuul.ignore",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    names = [str(path.relative_to(tmp_path)) for path in config_files(tmp_path)]
    assert names == ["zuul.d/a/x.yaml", "zuul.d/b.yaml"]


def test_the_command_prints_places_and_ends_with_its_code(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.change(PROJECT, "gate:", "gat:")
    assert main(["zuul", "validate", "--json", "--root", str(checkout.root)]) == ZuulError.exit_code
    [found] = json.loads(capsys.readouterr().out)["findings"]
    assert found["where"] == f"{PROJECT}:2"


def test_another_version_of_zuul_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "VERSION", "13.0.0")
    with pytest.raises(ProgramError, match="is installed, and 13"):
        offline.load(Deployment(ROOT / EXAMPLE, ROOT, "scs-build"))
