from pathlib import Path

import pytest

from scs_build.canonical import sha256_bytes
from scs_build.store.store import Store
from scs_build.store.verify import verify


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    with store.new_tree("tree"):
        pass
    store.put_record("good", {"uses": {"blobs": [store.add_bytes(b"good")], "trees": ["tree"]}})
    return store


def damage(store: Store, sha256: str) -> None:
    path = store.blob(sha256)
    path.chmod(0o644)
    path.write_bytes(b"other")


def test_a_sound_store_has_no_problems(store: Store) -> None:
    assert verify(store) == []


def test_a_store_that_does_not_exist_has_no_problems(tmp_path: Path) -> None:
    assert verify(Store(tmp_path / "none")) == []


def test_wrong_bytes_and_what_needs_them_are_found_and_mended(store: Store) -> None:
    sha256 = store.add_bytes(b"right")
    store.put_record("bad", {"uses": {"blobs": [sha256]}})
    damage(store, sha256)
    problems = verify(store)
    assert [problem.what for problem in problems] == [f"blob {sha256}", "step bad"]
    assert problems[0].reason == f"its content has sha256 {sha256_bytes(b'other')}"
    assert problems[1].reason == f"needs the blob {sha256}, which is broken"
    assert verify(store, repair=True) == problems
    assert verify(store) == []
    assert not store.has(sha256)
    assert store.record("bad") is None
    assert store.record("good") is not None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not a record"),
        ('{"uses": ', "is not a record"),
        ("[]", "not an object"),
        ('{"uses": {"blobs": "x"}}', "not a list of names"),
        ('{"uses": {"blobs": ["../x"]}}', "not a sha256"),
        ('{"uses": {"trees": ["gone"]}}', "needs the tree gone, which is missing"),
        ('{"uses": {"blobs": ["' + "0" * 64 + '"]}}', "which is missing"),
    ],
)
def test_records_that_cannot_be_used_are_found(store: Store, text: str, reason: str) -> None:
    store.record_path("bad").write_text(text)
    (problem,) = verify(store)
    assert problem.what == "step bad"
    assert reason in problem.reason
    verify(store, repair=True)
    assert verify(store) == []


def test_things_that_do_not_belong_are_found(store: Store) -> None:
    (store.blobs / "stray").write_text("x")
    (store.trees / "file").write_text("x")
    assert [(p.what, p.reason) for p in verify(store, repair=True)] == [
        ("blob stray", "its name is not a sha256"),
        ("tree file", "is not a folder"),
    ]
    assert verify(store) == []
