"""Layers: bytes that depend on the entries alone, readable by everybody, refused when they are wrong."""

import gzip
import io
import os
import stat
import tarfile
from dataclasses import replace
from pathlib import Path

import deflate
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scs_build.canonical import sha256_bytes
from scs_build.errors import ProgramError, ResultError
from scs_build.oci import layer as layer_module
from scs_build.oci import source
from scs_build.oci.entry import Entry
from scs_build.oci.layer import write_layer
from scs_build.oci.tree import index
from scs_build.oci.unpack import unpack_layer
from scs_build.store.store import Store

UID, GID = os.getuid(), os.getgid()


def file(path: str, content: bytes | Path = b"", mode: int = 0o644, **more: object) -> Entry:
    return Entry(path, "file", mode, UID, GID, content=content, **more)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def tar_of(store: Store, entries: list[Entry], jobs: int = 1) -> tarfile.TarFile:
    made = write_layer(store, entries, jobs)
    data = gzip.decompress(store.blob(made.digest).read_bytes())
    assert (f"sha256:{sha256_bytes(data)}", len(data)) == (made.diff_id, made.unpacked)
    return tarfile.open(fileobj=io.BytesIO(data))


CHARACTERS = st.characters(exclude_categories=("Cs",), exclude_characters="/\0")
NAMES = st.text(CHARACTERS, min_size=1, max_size=40).filter(
    lambda name: name not in (".", "..") and not name.startswith(".wh.") and len(name.encode()) < 200
)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
KINDS = st.sampled_from(["file", "dir", "link", "hardlink"])
NODES = st.dictionaries(PATHS, st.tuples(KINDS, st.integers(0, 0o777), st.binary(max_size=1500)), max_size=12)


def entries_of(nodes: dict[str, tuple[str, int, bytes]]) -> list[Entry]:
    """Turn random nodes into entries that fit together: nothing lies below what is no folder."""
    made: dict[str, Entry] = {}
    folders = {"/".join(path.split("/")[:n]) for path in nodes for n in range(1, len(path.split("/")))}
    for path, (kind, mode, data) in sorted(nodes.items()):
        primary = next((e.path for e in made.values() if e.type == "file"), None)
        if path in folders or kind == "dir":
            made[path] = Entry(path, "dir", mode | 0o700, UID, GID)
        elif kind == "link":
            made[path] = Entry(path, "link", 0o777, UID, GID, link=data.hex()[:300] or "x")
        elif kind == "hardlink" and primary:
            made[path] = replace(made[primary], path=path, type="hardlink", content=b"", link=primary)
        else:
            made[path] = file(path, data, mode | 0o400)
    for folder in folders:
        made.setdefault(folder, Entry(folder, "dir", 0o755, UID, GID))
    return list(made.values())


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NODES, st.randoms())
def test_unpacking_gives_what_went_in(tmp_path_factory: pytest.TempPathFactory, nodes, random) -> None:
    room = tmp_path_factory.mktemp("round")
    store = Store(room / "store")
    entries = entries_of(nodes)
    made = write_layer(store, entries, 2)
    random.shuffle(entries)
    assert write_layer(store, entries, 1) == made
    unpack_layer(store.blob(made.digest), room / "out")
    found = index(room / "out")
    assert set(found) == {entry.path for entry in entries}
    content = {entry.path: entry.content for entry in entries if entry.type == "file"}
    for entry in entries:
        member = found[entry.path]
        assert (member.mode, member.uid, member.gid) == (entry.mode, UID, GID)
        if entry.type in ("file", "hardlink"):
            data = content[entry.link or entry.path]
            assert (member.type, member.sha256) == ("file", sha256_bytes(data))
        else:
            assert (member.type, member.link) == (entry.type, entry.link)
        if entry.type == "hardlink":
            assert (room / "out" / entry.path).samefile(room / "out" / entry.link)


def test_the_number_of_jobs_does_not_shape_bytes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_module, "CHUNK", 10_000)
    entries = [file(f"d/{n}", os.urandom(n * 97)) for n in range(60)]
    made = {write_layer(store, entries, jobs) for jobs in (1, 2, 5)}
    assert len(made) == 1
    assert store.blob(made.pop().digest).read_bytes().count(b"\x1f\x8b\x08") >= 15


def test_chunks_are_members_of_exactly_the_chunk_size(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_module, "CHUNK", 4096)
    blob = store.blob(write_layer(store, [file("a", b"a" * 9000)], 2).digest).read_bytes()
    sizes = [4096, 4096, 512 + 9216 + 1024 - 8192]
    tar = gzip.decompress(blob)
    starts = [sum(sizes[:n]) for n in range(3)]
    parts = [deflate.gzip_compress(tar[s : s + n], 6) for s, n in zip(starts, sizes, strict=True)]
    assert blob == b"".join(parts)


def test_the_bytes_of_the_format_are_frozen(store: Store) -> None:
    """A change here is a change of every digest: raise LAYER_FORMAT."""
    entries = [
        Entry("usr/bin/ping", "file", 0o755, content=b"elf", capability=b"\x01\0\0\x02\0\x20\0\0"),
        Entry("usr/bin/pong", "hardlink", 0o755, link="usr/bin/ping"),
        Entry("bin", "link", 0o777, link="usr/bin"),
        Entry("run/fifo", "fifo", 0o600, 3_000_000, 42),
        Entry("etc/Főtanúsítvány" + "x" * 100, "file", 0o4644, content=b"1" * 513),
    ]
    made = write_layer(store, entries, 1)
    assert made.diff_id == "sha256:8e6b79ac712e54ba821c2c947258724d85b22333c42f0c32100a74580ef55763"
    assert made.digest == "sha256:37644b1f7b37ddbd98d8e206faacdeb7b7889e9faebebda345c29f6c57326db9"


def test_order_parents_and_times(store: Store) -> None:
    link = Entry("a/hard", "hardlink", 0o644, link="z/file")
    entries = [link, file("z/file", b"x"), file("a-b"), file("a/b/c")]
    with tar_of(store, entries) as tar:
        members = tar.getmembers()
    assert [m.name for m in members] == ["a", "a-b", "a/b", "a/b/c", "z", "z/file", "a/hard"]
    assert {m.mtime for m in members} == {1577836800}
    assert {(m.uname, m.gname) for m in members} == {("", "")}
    assert {(m.mode, m.uid, m.gid) for m in members if m.isdir()} == {(0o755, 0, 0)}
    assert members[-1].linkname == "z/file"


def test_long_names_large_numbers_and_capabilities_survive(store: Store) -> None:
    path, target = "ä/" + "n" * 200, "t" * 300
    entries = [
        Entry(path, "file", 0o4755, 5_000_000, 6_000_000, content=b"x", capability=bytes(range(20))),
        Entry("link", "link", 0o777, link=target),
    ]
    with tar_of(store, entries) as tar:
        member = tar.getmember(path)
        assert tar.getmember("link").linkname == target
    assert (member.mode, member.uid, member.gid) == (0o4755, 5_000_000, 6_000_000)
    value = member.pax_headers["SCHILY.xattr.security.capability"]
    assert value.encode("utf-8", "surrogateescape") == bytes(range(20))


def test_equal_entries_count_once_and_contradictions_are_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "same").write_bytes(b"x")
    with tar_of(store, [file("a", b"x"), file("a", b"x"), file("a", tmp_path / "same")]) as tar:
        assert tar.getnames() == ["a"]
    for other in (file("a", b"y"), file("a", b"x", 0o600), Entry("a", "dir", 0o755)):
        with pytest.raises(ResultError, match="/a: two entries"):
            write_layer(store, [file("a", b"x"), other], 1)


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([file("../etc/passwd")], "clean path"),
        ([file("/etc/passwd")], "clean path"),
        ([file("a//b")], "clean path"),
        ([file("")], "clean path"),
        ([file("a\0b")], "clean path"),
        ([file("a"), file("a/b")], "/a is not a directory"),
        ([Entry("h", "hardlink", 0o644, link="gone")], "/gone, which is not in the layer"),
        ([Entry("d", "dir", 0o755), Entry("h", "hardlink", 0o644, link="d")], "which is a dir"),
        ([Entry("null", "char", 0o666)], "char device"),
        ([file("etc/.wh.passwd", b"content")], "removal of a file"),
        ([file("a\udcff")], "not UTF-8"),
    ],
)
def test_entries_that_do_not_fit_are_refused(store: Store, entries: list[Entry], reason: str) -> None:
    with pytest.raises(ResultError, match=reason):
        write_layer(store, entries, 1)
    assert not list(store.blobs.glob("*"))


def test_a_source_that_vanished_is_named(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="vanished") as caught:
        write_layer(store, [file("a", tmp_path / "gone")], 1)
    assert str(tmp_path / "gone") in str(caught.value)


def test_a_source_that_is_no_file_is_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "link", tmp_path / "fifo", tmp_path):
        with pytest.raises(ResultError, match="not a regular file"):
            write_layer(store, [file("a", path)], 1)


@pytest.mark.parametrize("size", [10, source.PIECE, 3 * source.PIECE + 5])
@pytest.mark.parametrize("change", [-1, 1])
def test_a_source_that_changes_while_read_is_refused(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, change: int
) -> None:
    path = tmp_path / "grows"
    path.write_bytes(b"x" * size)
    real = layer_module.header

    def changing(entry: Entry, length: int) -> bytes:
        os.truncate(path, size + change)
        return real(entry, length)

    monkeypatch.setattr(layer_module, "header", changing)
    with pytest.raises(ResultError, match="changed while it was read"):
        write_layer(store, [file("a", path)], 1)


def test_another_compressor_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deflate, "__version__", "0.9.1")
    with pytest.raises(ProgramError, match=r"deflate 0\.9\.0, this is deflate 0\.9\.1"):
        write_layer(store, [], 1)


def test_an_empty_layer_is_an_empty_tar(store: Store) -> None:
    with tar_of(store, []) as tar:
        assert tar.getnames() == []


def test_content_of_files_is_counted(store: Store, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 700)
    made = write_layer(store, [file("a", b"y" * 11), file("b", tmp_path / "f")], 1)
    assert made.files == 711
    assert made.unpacked == 2 * 512 + 512 + 1024 + 1024
    assert stat.S_ISREG(store.blob(made.digest).stat().st_mode)
    assert made.size == store.blob(made.digest).stat().st_size
