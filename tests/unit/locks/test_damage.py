"""Whatever happens to a lock, there is an error with a place, or a lock that later rooms can work with."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_build.errors import FormatError, LockError
from scs_build.locks.files import read_lock
from tests.unit.mutations import damaged_json

LOCKS = Path(__file__).parents[2] / "canary/images"
PLATFORM = "linux/amd64"


@pytest.mark.parametrize("name", ["canary-plain", "canary-python"])
@given(choice=st.data())
def test_a_damaged_lock_is_read_or_refused_at_its_place(name: str, choice: st.DataObject) -> None:
    data = (LOCKS / name / "lock/2026.1.json").read_bytes()
    found = choice.draw(damaged_json(data))
    with TemporaryDirectory() as folder:
        path = Path(folder, name, "lock", "2026.1.json")
        path.parent.mkdir(parents=True)
        path.write_bytes(found)
        try:
            lock = read_lock(path, PLATFORM)
        except (LockError, FormatError) as failure:
            assert failure.where is not None
            assert failure.where.path == str(path)
            str(failure).encode()
        else:
            assert (lock.image, lock.series) == (name, "2026.1")
            for line in lock.artefacts:
                "".join((line.kind, line.name, line.version)).encode()
