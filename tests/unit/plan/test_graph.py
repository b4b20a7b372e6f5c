"""Which steps a change of one input makes again."""

from __future__ import annotations

import json

import pytest

from scs_build.errors import LockError, RecipeError
from scs_build.plan.graph import fact
from scs_build.recipes.models import User, said
from tests.unit.plan.conftest import LOCKS, RECIPES, SERIES, World, artefact

# The application without what must be compiled.
PURE = [line for line in LOCKS["iaas/app"] if line[0] == "wheel"]
IMAGES = {"image:base", "image:app", "image:sibling"}


def make_pure(world: World) -> None:
    """Let nothing of the application be compiled."""
    world.change(
        "iaas/app/recipe.yaml", "{requirements: [app, fast], compile: [fast]}", "{requirements: [app]}"
    )
    world.lock("iaas/app", PURE)


def test_an_image_is_made_of_its_lineages_layers_and_a_last_one(world: World) -> None:
    assert [step.name for step in world.graph().image("app").needs] == [
        "packages:base", "venv:app", "files:app", "system:app",
    ]  # fmt: skip


def test_a_package_of_the_base_changes_no_venv_and_no_files(world: World) -> None:
    make_pure(world)
    newer = [("deb", "openssl", "3.5.2"), ("deb", "python3.13", "3.13.5")]
    changed = world.changed_by(lambda: world.lock("bases/base", newer))
    assert changed >= {"install:base", "packages:base", "system:app", *IMAGES}
    assert not changed & {"venv:app", "files:app", "tools", "scaffold"}


def test_a_package_of_the_base_asks_anew_for_what_is_compiled_on_it(world: World) -> None:
    """Where the wheel comes out the same, the results keep the venv from being made again."""
    newer = [("deb", "openssl", "3.5.2"), ("deb", "python3.13", "3.13.5")]
    before = world.graph().content("app")[0]
    changed = world.changed_by(lambda: world.lock("bases/base", newer))
    assert {"install:compiler", "wheel:fast:app", "venv:app"} <= changed
    same = {"wheel:fast:app": "the same bytes"}
    assert world.graph().content("app")[0].resolved_key(same) == before.resolved_key(same)


def test_the_interpreter_changes_the_venv(world: World) -> None:
    newer = [("deb", "openssl", "3.5.1"), ("deb", "python3.13", "3.13.6")]
    assert "venv:app" in world.changed_by(lambda: world.lock("bases/base", newer))


def test_a_line_in_a_file_changes_one_layer_and_one_image(world: World) -> None:
    assert world.changed_by(lambda: world.write("iaas/app/files/app.ini", "two\n")) == {
        "files:app", "image:app",
    }  # fmt: skip


def test_a_comment_changes_nothing(world: World) -> None:
    assert (
        world.changed_by(lambda: world.change("iaas/app/recipe.yaml", "format: 1", "# why\nformat: 1"))
        == set()
    )


def test_a_port_changes_the_image_only(world: World) -> None:
    assert world.changed_by(lambda: world.change("iaas/app/recipe.yaml", "5000", "5001")) == {"image:app"}


def test_a_wheel_changes_the_venv_and_its_image(world: World) -> None:
    newer = [line if line[1] != "app" else ("wheel", "app", "1.1") for line in LOCKS["iaas/app"]]
    assert world.changed_by(lambda: world.lock("iaas/app", newer)) == {
        "bytecode:app", "venv:app", "image:app",
    }  # fmt: skip


def test_a_compiler_changes_the_wheels_that_it_compiles(world: World) -> None:
    newer = [("deb", "gcc", "15", "build")]
    changed = world.changed_by(lambda: world.lock("bases/compiler", newer))
    assert changed == {"install:compiler", "wheel:fast:app", "venv:app", "image:app"}


def test_images_without_build_packages_of_their_own_share_what_is_compiled(world: World) -> None:
    world.write("iaas/other/recipe.yaml", f"format: 1\n{RECIPES['iaas/app']}")
    world.write("iaas/other/files/app.ini", "one\n")
    world.lock("iaas/other", [*LOCKS["iaas/app"], ("deb", "library", "1.0")])
    keys = world.keys()
    assert keys["wheel:fast:app"] == keys["wheel:fast:other"]
    world.lock("iaas/other", [*LOCKS["iaas/app"], ("deb", "headers", "1.0", "build")])
    keys = world.keys()
    assert keys["wheel:fast:app"] != keys["wheel:fast:other"] and "toolchain:other" in keys


def test_a_user_of_the_base_changes_what_is_installed_but_no_venv(world: World) -> None:
    make_pure(world)
    changed = world.changed_by(lambda: world.change("bases/base/recipe.yaml", "42400", "42401"))
    assert {"install:base", *IMAGES} <= changed
    assert not changed & {"venv:app", "files:app"}


def test_tools_that_only_isolate_change_no_result(world: World) -> None:
    newer = [
        line if line[1] != "bubblewrap" else ("deb", "bubblewrap", "0.13") for line in LOCKS["bases/tools"]
    ]
    assert world.changed_by(lambda: world.lock("bases/tools", newer)) == {"tools"}


def test_the_compiler_of_wheels_is_keyed_by_the_tool_that_drives_it(world: World) -> None:
    newer = [line if line[1] != "uv" else ("wheel", "uv", "0.10") for line in LOCKS["bases/tools"]]
    changed = world.changed_by(lambda: world.lock("bases/tools", newer))
    assert changed == {"tools", "wheel:fast:app", "venv:app", "image:app"}


def state(world: World, place: str, field: str, rule: str) -> None:
    """Add a rule on paths to a recipe."""
    recipe = (world.root / "images" / place / "recipe.yaml").read_text()
    world.write(f"{place}/recipe.yaml", f"{recipe}{field}:\n  - {{{rule}}}\n")


DROPPED = "path: /etc/thing.conf, reason: the recipe names the options"
GENERATED = "path: /etc/thing.cache, by: thing, reason: index of its things"


@pytest.mark.parametrize(("field", "rule"), [("dropped", DROPPED), ("generated", GENERATED)])
def test_a_rule_of_a_recipe_concerns_its_own_steps_and_no_other_image(
    world: World, field: str, rule: str
) -> None:
    changed = world.changed_by(lambda: state(world, "iaas/sibling", field, rule))
    assert changed == {"packages:sibling", "system:sibling", "image:sibling"}


def test_a_rule_of_a_base_concerns_all_that_stand_on_it(world: World) -> None:
    changed = world.changed_by(lambda: state(world, "bases/base", "dropped", DROPPED))
    assert changed >= {"packages:base", "packages:sibling", *IMAGES}
    assert not changed & {"bytecode:app", "venv:app", "files:app", "install:base"}


def test_a_rule_of_the_table_concerns_every_image(world: World) -> None:
    table = f"format: 1\ngenerated: []\ndropped: [{{{DROPPED}}}]\n"
    changed = world.changed_by(lambda: world.write("paths.yaml", table))
    assert changed >= {"packages:base", "packages:sibling", *IMAGES}
    assert not changed & {"bytecode:app", "venv:app", "files:app", "install:base"}


@pytest.mark.parametrize("path", ["/opt/venv/lib/*/site-packages/thing/**", "/**/thing/**", "/opt/**"])
def test_a_rule_that_can_match_in_an_environment_makes_it_again(world: World, path: str) -> None:
    rule = f'path: "{path}", reason: nobody needs the thing'
    changed = world.changed_by(lambda: state(world, "iaas/app", "dropped", rule))
    assert changed == {"bytecode:app", "venv:app", "image:app"}


def test_words_of_a_rule_change_nothing(world: World) -> None:
    state(world, "iaas/sibling", "generated", GENERATED)
    assert not world.changed_by(
        lambda: world.change("iaas/sibling/recipe.yaml", "index of its", "all of its")
    )
    assert not world.changed_by(lambda: world.change("iaas/sibling/recipe.yaml", "by: thing", "by: a thing"))
    assert "packages:sibling" in world.changed_by(
        lambda: world.change("iaas/sibling/recipe.yaml", "by: a thing", "by: a thing, altered: true")
    )


def test_a_new_field_of_a_format_changes_no_key() -> None:
    class LaterUser(User):
        shell: str = "/usr/sbin/nologin"

    assert said(LaterUser(uid=7)) == said(User(uid=7))
    assert said(LaterUser(uid=7, shell="/bin/sh")) != said(User(uid=7))


def test_what_only_locks_ask_for_changes_no_key(world: World) -> None:
    series = f"series/{SERIES}/series.yaml"
    assert not world.changed_by(lambda: world.change(series, "2_41", "2_40"))
    assert not world.changed_by(lambda: world.change(series, "[trixie]", "[trixie, trixie-updates]"))
    assert not world.changed_by(
        lambda: world.change(series, "format: 1", "format: 1\ncomponents: {app: ~=1.0}")
    )


def test_the_nearest_rule_comes_first(world: World) -> None:
    state(world, "iaas/sibling", "dropped", DROPPED)
    state(world, "bases/base", "dropped", DROPPED.replace("thing", "base"))
    table = DROPPED.replace("thing", "every")
    world.write("paths.yaml", f"format: 1\ngenerated: []\ndropped: [{{{table}}}]\n")
    rules = world.graph().rules("sibling")
    assert [rule.path for rule in rules.dropped] == [
        "/etc/thing.conf", "/etc/base.conf", "/etc/every.conf",
    ]  # fmt: skip
    assert [str(rules.where(rule)) for rule in rules.dropped] == [
        "images/iaas/sibling/recipe.yaml:7:5", "images/bases/base/recipe.yaml:9:5", "images/paths.yaml:3:11",
    ]  # fmt: skip


def test_a_step_sees_the_rules_that_its_facts_name(world: World) -> None:
    """A rule that is in no fact of a step must not be able to change what it makes."""
    state(world, "bases/base", "dropped", DROPPED)
    graph = world.graph()
    for step in graph.image("app").closure().values():
        rules = graph.rules_for(step.kind, step.subject, step.artefacts)
        assert not rules.parts or step.facts["paths"] == fact(rules.values())
    assert {step.kind for step in graph.image("app").closure().values() if "paths" in step.facts} == {
        "packages", "bytecode", "venv",
    }  # fmt: skip


def test_platforms_have_keys_of_their_own(world: World) -> None:
    one, other = world.keys(), world.keys(platform="linux/arm64")
    assert one.keys() == other.keys()
    assert not one.items() & other.items()


def test_series_with_equal_locks_share_all_but_the_images(world: World) -> None:
    world.series("2025.1")
    for place, lines in LOCKS.items():
        world.lock(place, lines, "2025.1")
    one, other = world.keys(), world.keys(series="2025.1")
    assert {name for name, _ in one.items() ^ other.items()} == IMAGES


def test_a_missing_lock_names_the_file_and_the_command(world: World) -> None:
    (world.root / "images/iaas/sibling/lock/2026.1.json").unlink()
    with pytest.raises(LockError) as caught:
        world.keys()
    assert str(caught.value.where).endswith("images/iaas/sibling/lock/2026.1.json")
    assert "scs-build lock sibling --series 2026.1" in str(caught.value.solution)


def test_a_platform_without_a_lock_is_an_error_with_a_place(world: World) -> None:
    with pytest.raises(LockError, match="no lock for linux/riscv64"):
        world.keys(platform="linux/riscv64")


def test_two_tools_recipes_are_one_too_many(world: World) -> None:
    world.write("bases/more/recipe.yaml", "format: 1\nkind: tools\ndescription: more\ngroups: {core: [x]}\n")
    with pytest.raises(RecipeError, match="2 recipes are of kind tools"):
        world.keys()


def test_another_group_of_tools_is_a_tree_of_its_own_and_changes_no_other_key(world: World) -> None:
    tools = json.loads((world.root / "images/bases/tools/lock/2026.1.json").read_text())
    before = world.keys()
    for platform in tools["platforms"].values():
        platform.append({**artefact("deb", "skopeo", "1.18"), "group": "registry"})
        platform.append({**artefact("deb", "libc-bin", "2.41"), "group": "registry"})
    world.write("bases/tools/lock/2026.1.json", json.dumps(tools))
    assert world.keys() == before
    registry = world.graph().tools("registry")
    assert (registry.name, registry.kind) == ("tools:registry", "tools")
    assert [a.name for a in registry.artefacts] == ["skopeo", "libc-bin"]
    assert registry.key not in before.values()


def test_a_group_that_the_lock_does_not_have_is_told(world: World) -> None:
    with pytest.raises(LockError, match="has no group registry"):
        world.graph().tools("registry")


def test_byte_code_waits_for_the_interpreter_that_an_ancestor_ships_and_for_no_installation(
    world: World,
) -> None:
    make_pure(world)
    world.lock(
        "bases/base", [*LOCKS["bases/base"], ("deb", "python3.13", "3.13.5"), ("deb", "gcc", "14", "install")]
    )
    step = next(step for step in world.graph().image("app").closure().values() if step.kind == "bytecode")
    assert not [name for name in step.closure() if name.startswith(("install", "scaffold"))]
    interpreter = step.closure()["interpreter:base"]
    assert {artefact.name for artefact in interpreter.artefacts} == {"openssl", "python3.13"}


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("packages: [sib]", "packages: [sib, nosuch]", "nosuch"),
        ("packages: [sib]", "packages: [sib], build: [nosuch]", "nosuch"),
        ("packages: [sib]}", "packages: [sib]}\npython: {requirements: [No.Such>=1]}", "No.Such>=1"),
    ],
)
def test_what_a_recipe_asks_for_and_its_lock_does_not_hold_is_refused(
    world: World, old: str, new: str, name: str
) -> None:
    world.change("iaas/sibling/recipe.yaml", old, new)
    with pytest.raises(LockError) as caught:
        world.graph().image("sibling")
    assert f"asks for {name}" in caught.value.reason
    assert str(caught.value.where).startswith("images/iaas/sibling/recipe.yaml:")
