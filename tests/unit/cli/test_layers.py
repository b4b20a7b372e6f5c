"""`--recipes`, its variable and the site file; what `affected` and the shell see of layers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from scs_build.cli.options import complete_image
from tests.unit.cli.conftest import Said
from tests.unit.plan.conftest import World
from tests.unit.plan.test_layers import Site, add_more
from tests.unit.plan.test_lock_overlay import overlay_of

Call = Callable[..., Said]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(World(tmp_path / "checkout"), tmp_path / "layer")
    add_more(made)
    return made


def commit(folder: Path) -> None:
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    for line in (("init", "-q"), ("add", "-A"), (*who, "commit", "-q", "--no-gpg-sign", "-m", "one")):
        subprocess.run(["git", "-C", folder, *line], check=True)


def origins(said: Said) -> dict[str, Any]:
    assert said.status == 0, said.stderr
    return {image["name"]: image["origin"] for image in json.loads(said.stdout)["images"]}


def test_the_call_the_variable_and_the_site_file_name_layers(
    site: Site, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = ("plan", "--json", "--root", str(site.world.root))
    assert "more" not in origins(call(*plan))
    assert origins(call(*plan, "--recipes", str(site.folder)))["more"] == ["acme"]
    file = tmp_path / "site.yaml"
    file.write_text(f"format: 1\nrecipes: [{site.folder}]\n")
    assert origins(call(*plan, "--site", str(file)))["more"] == ["acme"]
    monkeypatch.setenv("SCS_BUILD_RECIPES", str(site.folder))
    assert origins(call(*plan))["more"] == ["acme"]
    said = call(*plan[:1], *plan[2:])
    assert "more (acme)" in said.stdout
    assert "sibling (" not in said.stdout


def test_an_error_in_a_layer_names_its_file(site: Site, call: Call) -> None:
    site.change("images/operations/more/recipe.yaml", "parent: base", "parent: bass")
    said = call("plan", "--root", str(site.world.root), "--recipes", str(site.folder))
    assert said.status == 11
    assert f"{site.folder}/images/operations/more/recipe.yaml:4:9: " in said.stderr
    assert "did you mean `base`?" in said.stderr


def test_affected_compares_ours_and_layers_each_with_a_revision_of_its_own(site: Site, call: Call) -> None:
    commit(site.world.root)
    commit(site.folder)

    def affected(*bases: str) -> list[str]:
        options = [part for base in bases for part in ("--base", base)]
        said = call("affected", *options, "--root", str(site.world.root), "--recipes", str(site.folder))
        assert said.status == 0, said.stderr
        return said.stdout.split()

    assert affected("HEAD", "acme=HEAD") == []
    site.lock("images/operations/more", ("deb", "more", "1.1"))
    assert affected("acme=HEAD") == ["more"]
    assert affected("HEAD") == []
    site.world.lock("iaas/sibling", [("deb", "sib", "1.1")])
    assert affected("HEAD") == ["sibling"]
    assert affected("HEAD", "acme=HEAD") == ["more", "sibling"]
    said = call("affected", "--base", "acme=x", "--root", str(site.world.root), "--recipes", str(site.folder))
    assert said.status == 10
    assert "'x'" in said.stderr


def test_the_shell_completes_what_layers_add(site: Site) -> None:
    context = click.Context(click.Command("build"))
    context.params = {"root_option": site.world.root, "recipes_option": (site.folder,)}
    offered = [item.value for item in complete_image(context, click.Argument(["image"]), "")]
    assert "more" in offered
    assert "sibling" in offered


def test_locks_over_ours_are_named_on_the_call_and_nothing_is_locked_into_them(
    site: Site, call: Call, tmp_path: Path
) -> None:
    over = overlay_of(site.world, tmp_path / "over")
    plan = ("plan", "--json", "--root", str(site.world.root), "--lock-overlay")
    assert {name for name, origin in origins(call(*plan, str(over.folder))).items() if origin} == {"sibling"}
    said = call(*plan, str(site.folder))
    assert (said.status, json.loads(said.stdout)["error"]) == (12, "LockError")
    assert call("lock", "--root", str(site.world.root), "--lock-overlay", str(over.folder)).status == 2
    site.world.series("2025.1")
    assert call(*plan, str(over.folder), "--series", "2025.1").status == 12


@pytest.mark.parametrize(
    "options",
    [
        ("--into", "x"),
        ("--missing", "--check"),
        ("--missing", "--upgrade"),
        ("--missing", "--into", "x", "app"),
    ],
)
def test_options_of_lock_that_contradict_each_other_are_told(call: Call, options: tuple[str, ...]) -> None:
    assert call("lock", *options).status == 2
