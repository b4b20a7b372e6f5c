import json
import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_build.errors import FormatError, LockError, ScsBuildError
from scs_build.inputs.artefact import Artefact
from scs_build.locks.files import read_lock, write_lock
from scs_build.locks.models import Lock

AMD64 = "linux/amd64"


def line(name: str, version: str = "1", **data: str) -> Artefact:
    source = {"source": name, "source_version": version, "architecture": "all"}
    return Artefact("deb", name, version, "a" * 64, 7, data={"path": f"pool/{name}.deb", **source, **data})


def lock(*lines: Artefact, platform: str = AMD64) -> Lock:
    return Lock("debian", "2026.1", platform, lines)


def place(folder: Path) -> Path:
    """Return where the lock of the image `debian` in series 2026.1 lies."""
    path = folder / "debian" / "lock" / "2026.1.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_a_lock_comes_back_and_its_order_does_not_matter(tmp_path: Path) -> None:
    path, other = place(tmp_path), place(tmp_path / "other")
    write_lock(path, lock(line("b"), line("a", path="pool/a.deb")))
    write_lock(other, lock(line("a", path="pool/a.deb"), line("b")))
    assert path.read_bytes() == other.read_bytes()
    assert read_lock(path, AMD64) == lock(line("a", path="pool/a.deb"), line("b"))


def test_one_artefact_is_one_line(tmp_path: Path) -> None:
    write_lock(place(tmp_path), lock(line("a"), line("b")))
    before = place(tmp_path).read_text().splitlines()
    write_lock(place(tmp_path), lock(line("a"), line("b", "2")))
    after = place(tmp_path).read_text().splitlines()
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 1


def test_the_same_lock_is_not_written_again(tmp_path: Path) -> None:
    assert write_lock(place(tmp_path), lock(line("a"))) is True
    assert write_lock(place(tmp_path), lock(line("a"))) is False


def test_other_platforms_stay(tmp_path: Path) -> None:
    write_lock(place(tmp_path), lock(line("a"), platform="linux/arm64"))
    write_lock(place(tmp_path), lock(line("b")))
    assert [a.name for a in read_lock(place(tmp_path), "linux/arm64").artefacts] == ["a"]
    assert [a.name for a in read_lock(place(tmp_path), AMD64).artefacts] == ["b"]


def test_a_newer_format_is_told_apart(tmp_path: Path) -> None:
    place(tmp_path).write_text('{"format": 4, "shape": "other"}')
    with pytest.raises(FormatError, match="reads up to 3"):
        read_lock(place(tmp_path), AMD64)


@pytest.mark.parametrize("moved", ["python/lock/2026.1.json", "debian/lock/2025.1.json"])
def test_a_lock_that_lies_elsewhere_is_not_taken(tmp_path: Path, moved: str) -> None:
    write_lock(place(tmp_path), lock(line("a")))
    (tmp_path / moved).parent.mkdir(parents=True, exist_ok=True)
    place(tmp_path).rename(tmp_path / moved)
    with pytest.raises(LockError, match="is the lock of `debian` in"):
        read_lock(tmp_path / moved, AMD64)


def test_a_missing_lock_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LockError, match="scs-build lock"):
        read_lock(place(tmp_path), AMD64)


@pytest.mark.parametrize(
    ("old", "new"),
    [('"size": 7', '"size": "7"'), ('"size": 7', '"size": true'), ('"role": "image"', '"role": "all"'),
     ("a" * 64, "a" * 63), ('"name": "b", ', ""),
     ('{"kind": "deb", "name": "b"', '"x", {"kind": "deb", "name": "b"')],
)  # fmt: skip
def test_a_line_that_is_not_valid_is_named(tmp_path: Path, old: str, new: str) -> None:
    path = place(tmp_path)
    write_lock(path, lock(line("a"), line("b")))
    head, _, tail = path.read_text().rpartition('{"kind"')
    path.write_text(head + ('{"kind"' + tail).replace(old, new))
    with pytest.raises(LockError) as error:
        read_lock(path, AMD64)
    assert error.value.where is not None and error.value.where.line == 6


def test_broken_json_is_named_with_its_place(tmp_path: Path) -> None:
    place(tmp_path).write_text('{"format": 1,\n "image" }')
    with pytest.raises(LockError) as error:
        read_lock(place(tmp_path), AMD64)
    assert str(error.value.where).endswith("2026.1.json:2:10")


LEAVES = st.none() | st.booleans() | st.integers() | st.text()
FIELDS = st.sampled_from(["format", "image", "series", "platforms", AMD64])


@given(st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner)))
def test_no_json_ever_gives_a_traceback(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = place(tmp_path_factory.mktemp("lock"))
    path.write_text(json.dumps(value))
    with suppress(ScsBuildError):
        read_lock(path, AMD64)


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_has_no_end_is_not_read(tmp_path: Path, kind: str) -> None:
    path = place(tmp_path)
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    with pytest.raises(LockError, match="is no regular file"):
        read_lock(path, AMD64)
