"""What an error tells to run works as it is pasted: it repeats the options of the call that failed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from scs_build.cli.hints import repeated
from scs_build.errors import LockError, ManifestError, UnknownNameError
from scs_build.manifest.manifest import write_manifest
from tests.unit.cli.conftest import Said
from tests.unit.cli.test_registries import manifest

Call = Callable[..., Said]


@pytest.mark.parametrize(
    ("hint", "args", "added"),
    [
        ("run `scs-build lock a`", "plan --recipes x", "run `scs-build lock a --recipes x`"),
        ("run: scs-build build a", "run a --recipes x --recipes=y", " --recipes x --recipes y"),
        ("run: scs-build build", "push -o out -osecond", " --output out --output second"),
        ("run: scs-build lock a --series 1", "plan --series 2", ""),
        ("run: scs-build store gc --all", "plan --series 2 --store s", " --store s"),
        ("`scs-build x` `scs-build why`", "why --series 2", "`scs-build x` `scs-build why --series 2`"),
        ("run: scs-build run a -- b", "run a --root r -- --store s", "run: scs-build run a --root r -- b"),
        ("run: scs-build build a", "sbom a -o a.json --store s", "run: scs-build build a --store s"),
        ("`scs-build lock a`", "lock --check --platform linux/x", "`scs-build lock a --platform linux/x`"),
        ("run scs-build as root", "plan --recipes x", ""),
        ("make it again", "plan --recipes x", ""),
        ("run: scs-build plan", "plan", ""),
    ],
)  # fmt: skip
def test_a_command_repeats_the_options_that_it_takes(hint: str, args: str, added: str) -> None:
    assert repeated(hint, args.split()) == (added if "scs-build" in added else hint + added)


def test_a_path_that_needs_quotes_gets_them() -> None:
    assert repeated("`scs-build plan`", ["--recipes", "my layer"]) == "`scs-build plan --recipes 'my layer'`"


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    recipe = tmp_path / "acme/images/iaas/notes/recipe.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.write_text("format: 1\nkind: container\ndescription: notes\nparent: python\n")
    (tmp_path / "acme/layer.yaml").write_text("format: 1\nname: acme\nvendor: Acme\n")
    return tmp_path / "acme"


def test_the_lock_of_a_layer_is_to_be_made_with_the_layer(call: Call, layer: Path) -> None:
    said = call("plan", "--recipes", str(layer))
    assert said.status == LockError.exit_code
    assert f"hint: run `scs-build lock notes --series 2026.1 --recipes {layer}`\n" in said.stderr


def test_a_series_that_is_built_in_part_says_what_its_manifest_waits_for(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "out"
    entry = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": "sha256:" + "0" * 64,
        "size": 1,
        "annotations": {"org.opencontainers.image.ref.name": "debian:2026.1"},
    }
    (out / "oci").mkdir(parents=True)
    (out / "oci/oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (out / "oci/index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    for argv in (("push", "--to", "registry.example.org/x"), ("verify",), ("load",)):
        said = call(*argv, "-o", str(out))
        assert said.status == ManifestError.exit_code
        assert "is built only in part there, without python, keystone, mariadb, memcached\n" in said.stderr
        assert f"hint: run: scs-build build --output {out}; a manifest from" in said.stderr


@pytest.mark.parametrize(
    "argv", [("plan",), ("build", "memcached"), ("why",), ("push", "--to", "r.example.org/x")]
)
def test_a_series_behind_an_at_is_to_be_named_apart(
    call: Call, tmp_path: Path, argv: tuple[str, ...]
) -> None:
    write_manifest(manifest(), tmp_path / "out/2026.1.json")
    there = ("-o", str(tmp_path / "out")) if argv[0] in ("build", "push") else ()
    name = "app" if argv[0] == "push" else "keystone"
    said = call(*argv, f"{name}@2025.1", *there)
    assert said.status == UnknownNameError.exit_code
    assert f"hint: name the series apart: {name} --series 2025.1\n" in said.stderr


@pytest.mark.parametrize(
    "argv", [("load", "keystone"), ("push", "--to", "registry.example.org/x"), ("verify",)]
)
def test_where_nothing_is_built_it_says_so_and_how_to(
    call: Call, tmp_path: Path, argv: tuple[str, ...]
) -> None:
    said = call(*argv, "-o", str(tmp_path / "out"))
    assert said.status == ManifestError.exit_code
    assert "nothing of the series 2026.1 is built there: there is no manifest yet" in said.stderr
    assert f"hint: run: scs-build build --output {tmp_path}/out; " in said.stderr


def test_a_platform_that_is_none_is_a_usage_error_that_names_those_that_are(call: Call) -> None:
    said = call("plan", "--platform", "zzz")
    assert said.status == 2
    assert "'zzz' is not one of 'linux/amd64', 'linux/arm64'" in said.stderr


def test_a_collection_without_a_measure_says_which_there_are(call: Call) -> None:
    said = call("store", "gc")
    assert said.status == 2
    for option in ("--max-size 10G", "--all", "--dry-run"):
        assert option in said.stderr
