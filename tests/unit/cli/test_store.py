"""`scs-build store` tells what the store holds and makes room as far as it is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from scs_build.errors import VerificationError
from scs_build.store.store import Store
from tests.unit.cli.conftest import Said

Call = Callable[..., Said]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_path_is_the_store_that_the_environment_names(call: Call, store: Store) -> None:
    assert call("store", "path").stdout == f"{store.root}\n"


def test_usage_counts_what_is_there(call: Call, store: Store) -> None:
    store.add_bytes(b"x" * 5000)
    answer = json.loads(call("store", "usage", "--json").stdout)
    assert answer["blobs"] >= 5000 and answer["entries"] == 1


def test_gc_wants_to_know_how_far_to_go(call: Call) -> None:
    assert call("store", "gc").status == 2
    assert call("store", "gc", "--all", "--max-size", "1G").status == 2
    assert call("store", "gc", "--max-size", "much").status == 2


def test_gc_takes_away_only_without_dry_run(call: Call, store: Store) -> None:
    digest = store.add_bytes(b"x")
    assert "1 entries" in call("store", "gc", "--all", "--dry-run").stdout
    assert store.has(digest)
    assert json.loads(call("store", "gc", "--all", "--json").stdout)["removed"][0]["key"] == digest
    assert not store.has(digest)


def test_gc_stops_at_the_size(call: Call, store: Store) -> None:
    digest = store.add_bytes(b"x")
    assert call("store", "gc", "--max-size", "1.5G").stdout.startswith("0 entries")
    assert store.has(digest)


def test_verify_names_what_is_broken_and_repairs_it(call: Call, store: Store) -> None:
    digest = store.add_bytes(b"right")
    store.blob(digest).chmod(0o644)
    store.blob(digest).write_bytes(b"wrong")
    said = call("store", "verify")
    assert said.status == VerificationError.exit_code
    assert f"blob {digest}" in said.stdout and "--repair" in said.stderr
    assert call("store", "verify", "--repair").status == 0
    assert call("store", "verify").stdout == "the store is sound\n"
