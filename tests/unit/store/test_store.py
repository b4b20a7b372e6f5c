import errno
import os
import stat
import threading
from concurrent.futures import CancelledError
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scs_build.canonical import sha256_bytes
from scs_build.errors import DiskFullError, FormatError, StoreError
from scs_build.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def unfinished(store: Store) -> list[str]:
    return sorted(path.name for path in store.temporary.root.iterdir())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(pieces=st.lists(st.binary(max_size=100), max_size=8))
def test_what_is_written_in_pieces_is_found_under_the_hash_of_the_whole(
    store: Store, pieces: list[bytes]
) -> None:
    with store.writer() as writer:
        for piece in pieces:
            writer.write(piece)
    whole = b"".join(pieces)
    assert writer.sha256 == sha256_bytes(whole)
    assert writer.size == len(whole)
    assert store.blob(writer.sha256).read_bytes() == whole
    assert store.has(writer.sha256)
    assert store.has(writer.sha256, len(whole))
    assert unfinished(store) == []


def test_reading_a_store_that_does_not_exist_makes_nothing(store: Store) -> None:
    assert not store.has("0" * 64)
    assert store.record("key") is None
    assert store.tree("key") is None
    assert store.sizes().total == 0
    assert not store.root.exists()


def test_the_default_is_the_environments_folder_else_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SCS_BUILD_STORE", raising=False)
    assert Store.default().root == tmp_path / "cache" / "scs-build"
    monkeypatch.setenv("SCS_BUILD_STORE", str(tmp_path / "mine"))
    assert Store.default().root == tmp_path / "mine"


def test_a_failed_writer_leaves_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError), store.writer() as writer:
        writer.write(b"half")
        raise RuntimeError
    assert not store.has(sha256_bytes(b"half"))
    assert unfinished(store) == []


@pytest.mark.parametrize("move", [False, True])
def test_a_file_is_copied_or_moved(store: Store, tmp_path: Path, move: bool) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"content")
    assert store.add_file(source, move=move) == sha256_bytes(b"content")
    assert store.read_bytes(sha256_bytes(b"content")) == b"content"
    assert source.exists() is not move


def test_moving_a_file_with_another_name_does_not_share_its_bytes(store: Store, tmp_path: Path) -> None:
    source, other = tmp_path / "source", tmp_path / "other"
    source.write_bytes(b"content")
    other.hardlink_to(source)
    sha256 = store.add_file(source, move=True)
    other.write_bytes(b"changed")
    assert store.read_bytes(sha256) == b"content"
    assert not source.exists()


def test_moving_from_another_file_system_copies(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"content")
    rename = Path.rename

    def elsewhere(path: Path, target: Path) -> Path:
        if path == source:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", elsewhere)
    assert store.has(store.add_file(source, move=True), 7)
    assert not source.exists()


def test_blobs_cannot_be_written_by_accident(store: Store) -> None:
    mode = store.blob(store.add_bytes(b"x")).stat().st_mode
    assert stat.S_IMODE(mode) == 0o444


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "ABC", "sha512:" + "0" * 64, "0" * 63])
def test_a_name_that_is_no_hash_is_refused(store: Store, name: str) -> None:
    with pytest.raises(StoreError, match="not a sha256"):
        store.blob(name)


@pytest.mark.parametrize("key", ["", ".", "..", "a/b", ".hidden"])
def test_a_key_that_would_leave_its_folder_is_refused(store: Store, key: str) -> None:
    with pytest.raises(StoreError, match="not a key"):
        store.tree_path(key)
    with pytest.raises(StoreError, match="not a key"):
        store.put_record(key, {})


def test_a_blob_emptied_by_a_power_cut_counts_as_missing_and_is_mended(store: Store) -> None:
    sha256 = store.add_bytes(b"content")
    os.truncate(store.blob(sha256), 0)
    assert not store.has(sha256)
    store.add_bytes(b"content")
    assert store.read_bytes(sha256) == b"content"


def test_the_empty_blob_exists(store: Store) -> None:
    assert store.has(store.add_bytes(b""))


def test_a_blob_of_another_size_counts_as_missing_and_reading_it_fails(store: Store) -> None:
    sha256 = store.add_bytes(b"content")
    os.truncate(store.blob(sha256), 3)
    assert not store.has(sha256, 7)
    with pytest.raises(StoreError, match="does not hold what its name says"):
        store.read_bytes("sha256:" + sha256)


def test_a_blob_that_is_not_what_its_name_says_is_dropped(store: Store) -> None:
    good, bad = store.add_bytes(b"good"), store.add_bytes(b"bad")
    store.blob(bad).chmod(0o600)
    store.blob(bad).write_bytes(b"BAD")
    assert store.is_sound(f"sha256:{good}")
    assert not store.is_sound(bad)
    assert not store.has(bad)
    assert not store.is_sound("0" * 64)


def test_records_come_back(store: Store) -> None:
    store.put_record("key", {"layer": "x", "uses": {"trees": ["t"]}})
    store.put_record("key", {"layer": "y"})
    assert store.record("key") == {"layer": "y"}


@pytest.mark.parametrize("text", ["", '{"layer": ', "[]", '{"uses": 3}'])
def test_a_record_that_cannot_be_read_counts_as_missing(store: Store, text: str) -> None:
    store.put_record("key", {})
    store.record_path("key").write_text(text)
    assert store.record("key") is None


def test_reading_a_record_counts_it_and_its_trees_as_used(store: Store) -> None:
    with store.new_tree("t"):
        pass
    store.put_record("key", {"uses": {"trees": ["t", "../x"]}})
    for path in (store.record_path("key"), store.tree_path("t")):
        os.utime(path, (1, 1))
    store.record("key")
    assert store.record_path("key").stat().st_mtime > 1
    assert store.tree_path("t").stat().st_mtime > 1


def test_a_tree_is_seen_when_it_is_whole(store: Store) -> None:
    with store.new_tree("t") as path:
        (path / "file").write_text("x")
        assert store.tree("t") is None
    tree = store.tree("t")
    assert tree is not None
    assert (tree / "file").read_text() == "x"
    assert unfinished(store) == []


def test_a_failed_tree_leaves_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError), store.new_tree("t") as path:
        (path / "file").write_text("x")
        raise RuntimeError
    assert store.tree("t") is None
    assert unfinished(store) == []


def test_the_second_builder_of_a_tree_loses_gracefully(store: Store) -> None:
    with store.new_tree("t") as second:
        (second / "by").write_text("second")
        with store.new_tree("t") as first:
            (first / "by").write_text("first")
    tree = store.tree("t")
    assert tree is not None
    assert (tree / "by").read_text() == "first"
    assert unfinished(store) == []


def test_scratch_folders_go_even_with_folders_that_nobody_may_enter(store: Store) -> None:
    with store.scratch("keystone/amd64") as path:
        (path / "work" / "work").mkdir(parents=True)
        (path / "work" / "work" / "file").write_text("x")
        (path / "link").symlink_to("/")
        os.mkfifo(path / "fifo")
        (path / "work" / "work").chmod(0)
        (path / "work").chmod(0o500)
    assert unfinished(store) == []


def test_what_a_killed_process_left_is_removed_and_live_entries_and_parts_stay(store: Store) -> None:
    with store.scratch("live") as live:
        dead = store.temporary.root / "tree-0"
        (dead / "usr").mkdir(parents=True)
        (dead / "usr").chmod(0o500)
        (store.temporary.root / "blob-0").touch()
        part = store.part("0" * 64)
        part.touch()
        Store(store.root).prepare()
        assert unfinished(store) == sorted([live.name, part.name])


def test_a_newer_store_is_refused(store: Store) -> None:
    store.prepare()
    assert Store(store.root).root == store.root
    (store.root / "format").write_text("2\n")
    with pytest.raises(FormatError, match="has format 2"):
        Store(store.root)


def test_a_lock_is_held_by_one_thread_and_the_other_is_told_that_it_waits(store: Store) -> None:
    waits, order = threading.Event(), []

    def second() -> None:
        with store.lock("a/b", on_wait=waits.set):
            order.append("second")

    thread = threading.Thread(target=second)
    with store.lock("a/b"):
        thread.start()
        assert waits.wait(60)
        assert store.is_locked("a/b")
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert not store.is_locked("a/b")
    assert list(store.locks.iterdir()) == []


def test_many_threads_take_turns(store: Store) -> None:
    inside, most = [], []

    def work() -> None:
        for _ in range(10):
            with store.lock("one"):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 40


def test_waiting_for_a_lock_can_be_stopped(store: Store) -> None:
    stop = threading.Event()
    with (
        store.lock("one"),
        pytest.raises(CancelledError, match="gave up"),
        store.lock("one", on_wait=stop.set, stop=stop),
    ):
        pass


def test_sizes_count_blocks_and_hard_links_once(store: Store) -> None:
    store.add_bytes(b"x" * 5000)
    store.put_record("key", {})
    with store.new_tree("t") as path:
        (path / "a").write_text("x")
        (path / "b").hardlink_to(path / "a")
    usage = store.sizes()
    assert (usage.blobs, usage.steps, usage.trees, usage.tmp, usage.count) == (8192, 4096, 8192, 0, 3)
    assert usage.total == 8192 + 4096 + 8192


def test_missing_room_is_told_before_anything_is_written(store: Store) -> None:
    store.require_space(1)
    with pytest.raises(DiskFullError, match=r"8388608\.0 TiB are needed") as error:
        store.require_space(1 << 63)
    assert "scs-build store gc" in str(error.value)


@pytest.mark.parametrize("method", ["writer", "new_tree", "scratch"])
def test_a_disk_that_fills_up_says_what_takes_the_room(store: Store, method: str) -> None:
    store.add_bytes(b"x")
    arguments = () if method == "writer" else ("name",)
    with (
        pytest.raises(DiskFullError, match=r"the store takes .*blobs 4\.0 KiB"),
        getattr(store, method)(*arguments),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert unfinished(store) == []


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "store")

    def refuse(path: Path, *_args: object, **_kwargs: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StoreError, match="cannot be written"):
        store.add_bytes(b"x")


def test_other_errors_of_the_caller_pass(store: Store) -> None:
    with pytest.raises(FileNotFoundError), store.scratch("x") as path:
        (path / "missing").read_text()
