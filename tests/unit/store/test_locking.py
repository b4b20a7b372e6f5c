import os
from pathlib import Path

import pytest

from scs_build.store import locking


def test_a_lock_file_that_its_last_holder_removed_is_not_taken_for_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    removed: list[int] = []
    try_flock = locking.try_flock

    def after_a_release(fd: int, *, shared: bool = False) -> bool:
        if not removed:
            removed.append(fd)
            path.unlink()
        return try_flock(fd, shared=shared)

    monkeypatch.setattr(locking, "try_flock", after_a_release)
    fd = locking.acquire(path)
    assert locking.is_current(fd, path)
    os.close(fd)


def test_many_share_a_gate_and_one_alone_waits_for_them(tmp_path: Path) -> None:
    path = tmp_path / "gate"
    with locking.gate(path, shared=True), locking.gate(path, shared=True):
        fd = os.open(path, os.O_RDONLY)
        assert not locking.try_flock(fd)
    assert locking.try_flock(fd)
    os.close(fd)
    assert not locking.is_held(path)
    assert not locking.is_held(tmp_path / "missing")
