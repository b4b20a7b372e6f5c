import os
from pathlib import Path

import pytest

from scs_build.errors import StoreError
from scs_build.store.gc import Item, collect, plan_gc
from scs_build.store.store import Store
from scs_build.store.verify import verify


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def make_step(store: Store, key: str, when: int) -> tuple[str, str]:
    """Add a record `key` with one blob and one tree of its own, all last used at `when`."""
    blob = store.add_bytes(key.encode() * 1000)
    with store.new_tree(f"tree-{key}") as tree:
        (tree / "file").write_text(key)
    store.put_record(key, {"uses": {"blobs": [f"sha256:{blob}"], "trees": [f"tree-{key}"]}})
    for path in (store.record_path(key), store.blob(blob), store.tree_path(f"tree-{key}")):
        os.utime(path, (when, when))
    return blob, f"tree-{key}"


def keys(items: list[Item]) -> list[str]:
    return [item.key for item in items]


def test_without_roots_everything_goes_and_the_store_works_on(store: Store) -> None:
    blob, _ = make_step(store, "a", 1)
    store.part("0" * 64).write_bytes(b"x")
    items = plan_gc(store)
    done = collect(store, items)
    assert done.removed == tuple(items)
    assert done.bytes == sum(item.bytes for item in items)
    assert store.sizes().total == 0
    assert make_step(store, "a", 1)[0] == blob
    assert verify(store) == []


def test_a_dry_run_removes_nothing(store: Store) -> None:
    make_step(store, "a", 1)
    before = store.sizes()
    plan_gc(store)
    plan_gc(store, max_bytes=0)
    assert store.sizes() == before


def test_what_a_kept_record_uses_is_kept(store: Store) -> None:
    make_step(store, "a", 1)
    old, tree = make_step(store, "b", 2)
    assert keys(plan_gc(store, keep={"a"})) == ["b", tree, old]
    assert keys(plan_gc(store, keep=lambda key: key == "a")) == ["b", tree, old]


def test_a_root_may_be_a_digest(store: Store) -> None:
    blob = store.add_bytes(b"artefact")
    assert plan_gc(store, keep=[f"sha256:{blob}"]) == []


def test_the_least_recently_used_goes_first_until_the_rest_fits(store: Store) -> None:
    newer = make_step(store, "newer", 200)
    older = make_step(store, "older", 100)
    everything = store.sizes().total
    assert plan_gc(store, max_bytes=everything) == []
    assert keys(plan_gc(store, max_bytes=everything - 1)) == ["older"]
    assert keys(plan_gc(store, max_bytes=0)) == ["older", older[1], older[0], "newer", newer[1], newer[0]]


def test_using_a_record_makes_its_blobs_young(store: Store) -> None:
    first, _ = make_step(store, "first", 100)
    make_step(store, "second", 200)
    store.record("first")
    order = keys(plan_gc(store, max_bytes=0))
    assert order.index("second") < order.index("first") < order.index(first)


def test_a_cut_short_plan_leaves_no_record_of_missing_things(store: Store) -> None:
    for number in range(4):
        make_step(store, f"s{number}", 100)
    for limit in range(0, store.sizes().total, 4096):
        chosen = plan_gc(store, max_bytes=limit)
        steps = [item.key for item in chosen if item.kind == "step"]
        for number in range(4):
            assert f"tree-s{number}" not in keys(chosen) or f"s{number}" in steps
    collect(store, plan_gc(store, max_bytes=store.sizes().total - 20000))
    assert verify(store) == []


def test_what_is_in_use_stays_with_all_that_it_needs(store: Store) -> None:
    make_step(store, "a", 1)
    make_step(store, "b", 2)
    blob = store.add_bytes(b"input")
    items = plan_gc(store)
    with store.use("a", f"sha256:{blob}"):
        done = collect(store, items)
    assert {item.key for item in done.removed if item.kind != "blob"} == {"b", "tree-b"}
    assert store.has(blob)
    assert verify(store) == []
    assert store.record("a") is not None
    assert len(collect(store, plan_gc(store)).removed) == 4


def test_what_came_while_something_is_in_use_stays(store: Store) -> None:
    with store.use():
        store.add_bytes(b"new")
        assert collect(store, plan_gc(store)).removed == ()
    assert len(collect(store, plan_gc(store)).removed) == 1


def test_what_was_used_since_the_plan_stays(store: Store) -> None:
    make_step(store, "a", 1)
    items = plan_gc(store)
    store.record("a")
    assert collect(store, items).removed == ()
    assert verify(store) == []


def test_a_locked_entry_stays_and_its_record_keeps_what_it_names(store: Store) -> None:
    make_step(store, "a", 1)
    with store.lock("a"):
        assert collect(store, plan_gc(store)).removed == ()


def test_a_download_under_way_stays(store: Store) -> None:
    from scs_build.store.locking import acquire

    store.prepare()
    fd = acquire(store.part("0" * 64))
    assert collect(store, plan_gc(store)).removed == ()
    os.close(fd)
    assert len(collect(store, plan_gc(store)).removed) == 1


def test_what_is_gone_already_is_no_error(store: Store) -> None:
    make_step(store, "a", 1)
    items = plan_gc(store)
    collect(store, items)
    assert collect(store, items).removed == ()


def test_a_blob_read_after_it_was_collected_is_an_error_of_the_store(store: Store) -> None:
    blob = store.add_bytes(b"x")
    collect(store, plan_gc(store))
    with pytest.raises(StoreError, match="is not in the store"):
        store.read_bytes(blob)
