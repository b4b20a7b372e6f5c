import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from scs_build.canonical import sha256_bytes
from scs_build.errors import DiskFullError, FetchError, IntegrityError, OfflineError, ResolutionError
from scs_build.progress import Silent, SilentTask, Task
from scs_build.store.fetch import Download, Patience, fetch
from scs_build.store.store import Store
from tests.integration.store.server import CONTENT, Mirror, serve

SHA256 = sha256_bytes(CONTENT)
QUICK = Patience(connect=5, read=0.5, window=0.5, window_bytes=1000, attempts=3, pause=0.01)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with serve() as mirror:
        yield mirror


def wanted(*urls: str, name: str = "openssl 3.5.1") -> Download:
    return Download(SHA256, len(CONTENT), name, lambda: urls)


def unfinished(store: Store) -> list[str]:
    return sorted(path.name for path in store.temporary.root.iterdir())


def closed_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    ("behaviour", "requests"),
    [
        ("good", 1),
        ("elsewhere", 1),
        ("busy-twice", 3),
        ("cut-once", 2),
        ("cut-no-range", 2),
        ("cut-other-range", 3),
    ],
)
def test_a_source_that_delivers_in_the_end_is_enough(
    store: Store, mirror: Mirror, behaviour: str, requests: int
) -> None:
    done = fetch(store, [wanted(f"{mirror.url}/{behaviour}/x")], patience=QUICK)
    assert (done.count, done.bytes) == (1, len(CONTENT))
    assert store.read_bytes(SHA256) == CONTENT
    assert mirror.requests[f"/{behaviour}/x"] == requests
    assert unfinished(store) == []


def test_what_broke_off_goes_on_where_it_was(store: Store, mirror: Mirror) -> None:
    fetch(store, [wanted(f"{mirror.url}/cut-once/x")], patience=QUICK)
    assert mirror.ranges == [None, "bytes=300000-"]


@pytest.mark.parametrize("first", ["missing", "busy", "wrong", "portal", "endless", "stall", "trickle"])
def test_the_next_source_helps_out(store: Store, mirror: Mirror, first: str) -> None:
    fetch(store, [wanted(f"{mirror.url}/{first}/x", f"{mirror.url}/good/x")], patience=QUICK)
    assert store.read_bytes(SHA256) == CONTENT


def test_a_dead_mirror_an_unknown_scheme_and_a_missing_file_are_passed_over(
    store: Store, mirror: Mirror
) -> None:
    urls = (f"{closed_port()}/x", "gopher://example.org/x", "file:///nonexistent", f"{mirror.url}/good/x")
    fetch(store, [wanted(*urls)], patience=QUICK)
    assert store.has(SHA256, len(CONTENT))


@pytest.mark.parametrize(
    ("first", "requests", "reason"),
    [
        ("missing", 1, "status 404"),
        ("busy", 3, "status 503"),
        ("stall", 3, "timed out"),
        ("trickle", 3, "stalled"),
    ],
)
def test_no_source_at_all_names_each_and_why(
    store: Store, mirror: Mirror, first: str, requests: int, reason: str
) -> None:
    port = closed_port()
    urls = (f"{mirror.url}/{first}/x", port.replace("http://", "http://user:secret@") + "/x?token=secret")
    with pytest.raises(FetchError) as error:
        fetch(store, [wanted(*urls)], patience=QUICK)
    text = error.value.reason
    assert "openssl 3.5.1" in text
    assert f"{mirror.url}/{first}/x: {reason}" in text
    assert f"{port}/x: Connection refused" in text
    assert "secret" not in text
    assert mirror.requests[f"/{first}/x"] == requests


def test_wrong_bytes_from_all_sources_name_source_expected_and_got(store: Store, mirror: Mirror) -> None:
    urls = (f"{mirror.url}/wrong/x", f"{mirror.url}/portal/x", f"{mirror.url}/missing/x")
    with pytest.raises(IntegrityError) as error:
        fetch(store, [wanted(*urls)], patience=QUICK)
    got = sha256_bytes(bytes(len(CONTENT)))
    assert f"{mirror.url}/wrong/x: expected sha256 {SHA256}, got {got}" in error.value.reason
    assert f"{mirror.url}/portal/x: expected {len(CONTENT)} bytes, got 26" in error.value.reason
    assert not store.has(SHA256)
    assert unfinished(store) == []


@pytest.mark.parametrize("left", [CONTENT[:1000], CONTENT, b"x" * 1000, b"x" * len(CONTENT), b"x" * 600_000])
def test_what_an_earlier_run_left_is_used_where_right_and_dropped_where_wrong(
    store: Store, mirror: Mirror, left: bytes
) -> None:
    store.prepare()
    store.part(SHA256).write_bytes(left)
    fetch(store, [wanted(f"{mirror.url}/good/x")], patience=QUICK)
    assert store.read_bytes(SHA256) == CONTENT
    right = CONTENT.startswith(left)
    assert mirror.requests["/good/x"] == (
        0 if left == CONTENT else 1 if right or len(left) >= len(CONTENT) else 2
    )


def test_files_are_a_source(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "a b"
    source.write_bytes(CONTENT)
    store.prepare()
    store.part(SHA256).write_bytes(CONTENT[:10])
    fetch(store, [wanted(source.as_uri())], patience=QUICK)
    assert store.read_bytes(SHA256) == CONTENT


def test_one_failure_does_not_keep_the_others_from_coming(
    store: Store, mirror: Mirror, tmp_path: Path
) -> None:
    downloads = [
        Download(f"{n:064}", 5, f"bad {n}", lambda n=n: [f"{mirror.url}/missing/{n}"]) for n in range(2)
    ]
    for number in range(20):
        source = tmp_path / str(number)
        source.write_bytes(b"%d" % number)
        downloads.append(
            Download(sha256_bytes(b"%d" % number), source.stat().st_size, "x", lambda u=source: [u.as_uri()])
        )
    with pytest.raises(FetchError) as error:
        fetch(store, downloads, jobs=3, patience=QUICK)
    assert "2 of 22" in error.value.reason
    assert "bad 0" in error.value.reason
    assert "bad 1" in error.value.reason
    assert all(store.has(download.sha256) for download in downloads[2:])


def test_sources_are_asked_for_only_when_the_blob_is_missing(store: Store) -> None:
    def urls() -> Iterable[str]:
        raise AssertionError

    sha256 = store.add_bytes(CONTENT)
    os.utime(store.blob(sha256), (1, 1))
    assert fetch(store, [Download(sha256, len(CONTENT), "x", urls)]).count == 0
    assert store.blob(sha256).stat().st_mtime > 1


def test_sources_that_cannot_be_told_are_a_failed_source(store: Store, mirror: Mirror) -> None:
    def urls() -> Iterable[str]:
        yield f"{mirror.url}/missing/x"
        raise ResolutionError("the index has no such file")

    with pytest.raises(FetchError, match="the index has no such file"):
        fetch(store, [Download(SHA256, len(CONTENT), "x", urls)], patience=QUICK)


def test_many_failures_are_counted_and_few_told(store: Store) -> None:
    gone = [Download(sha256_bytes(b"%d" % n), 1, f"number {n}", lambda: ["gopher://x"]) for n in range(20)]
    with pytest.raises(FetchError) as caught:
        fetch(store, gone, patience=QUICK)
    assert "20 of 20" in caught.value.reason
    assert caught.value.reason.endswith("\nand 12 more")
    assert caught.value.reason.count("number ") == 8


def test_an_error_in_our_own_code_reaches_the_caller(store: Store) -> None:
    def urls() -> Iterable[str]:
        raise KeyError("bug")

    with pytest.raises(KeyError, match="bug"):
        fetch(store, [Download(SHA256, len(CONTENT), "x", urls)])


def test_a_mirror_that_is_down_is_asked_last_after_a_few_artefacts(
    store: Store, mirror: Mirror, tmp_path: Path
) -> None:
    downloads = []
    for number in range(10):
        source = tmp_path / str(number)
        source.write_bytes(b"%d" % number)
        urls = [f"{mirror.url}/busy/{number}", source.as_uri()]
        downloads.append(Download(sha256_bytes(b"%d" % number), 1, "x", lambda urls=urls: urls))
    fetch(store, downloads, jobs=1, patience=QUICK)
    assert sum(mirror.requests.values()) == 2 * QUICK.attempts


def test_offline_lists_what_is_missing(store: Store) -> None:
    present = Download(store.add_bytes(b"x"), 1, "present", list)
    with pytest.raises(OfflineError) as error:
        fetch(store, [present, wanted(name="a"), Download("0" * 64, 1024, "b", list)], offline=True)
    assert "2 (501.0 KiB)" in error.value.reason
    assert "a (500.0 KiB)" in error.value.reason
    assert "b (1.0 KiB)" in error.value.reason
    assert "present" not in error.value.reason
    assert fetch(store, [present], offline=True).count == 0


def test_too_little_room_is_told_before_the_first_byte(store: Store, mirror: Mirror) -> None:
    with pytest.raises(DiskFullError):
        fetch(store, [Download("0" * 64, 1 << 60, "x", lambda: [f"{mirror.url}/good/x"])])
    assert not mirror.requests


class Counting(Silent, SilentTask):
    def __init__(self) -> None:
        self.total = self.done = 0

    def task(self, title: str, total: int | None = None, unit: str = "") -> AbstractContextManager[Task]:
        self.total = total or 0
        return nullcontext(self)

    def advance(self, amount: int = 1) -> None:
        self.done += amount


@pytest.mark.parametrize("behaviour", ["good", "cut-once", "cut-no-range"])
def test_progress_ends_at_the_total(store: Store, mirror: Mirror, behaviour: str) -> None:
    counting = Counting()
    store.prepare()
    store.part(SHA256).write_bytes(CONTENT[:100])
    fetch(store, [wanted(f"{mirror.url}/{behaviour}/x")], patience=QUICK, progress=counting)
    assert counting.done == counting.total == len(CONTENT)


FETCH = """
import sys
from pathlib import Path
from scs_build.store.fetch import Download, fetch
from scs_build.store.store import Store
fetch(Store(Path(sys.argv[1])), [Download(sys.argv[2], int(sys.argv[3]), "x", lambda: [sys.argv[4]])])
"""


def start(store: Store, url: str) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-c", FETCH, str(store.root), SHA256, str(len(CONTENT)), url]
    return subprocess.Popen(argv, stderr=subprocess.PIPE)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_fetch_ends_while_the_mirror_stalls_and_the_next_goes_on(
    store: Store, mirror: Mirror, by: signal.Signals
) -> None:
    # The patience of that process is 30 s and the mirror stalls for 60: an end within 20 is an interrupt.
    with start(store, f"{mirror.url}/stall/x") as child:
        assert mirror.stalled.wait(60)
        child.send_signal(by)
        _, stderr = child.communicate(timeout=20)
    assert child.returncode != 0
    assert by is signal.SIGKILL or b"KeyboardInterrupt" in stderr
    assert unfinished(store) == [store.part(SHA256).name]
    fetch(store, [wanted(f"{mirror.url}/good/x")], patience=QUICK)
    assert store.read_bytes(SHA256) == CONTENT
    assert unfinished(store) == []


def test_two_processes_load_the_same_blob_once(store: Store, mirror: Mirror) -> None:
    children = [start(store, f"{mirror.url}/good/x") for _ in range(4)]
    assert [child.communicate()[1] for child in children] == [b""] * 4
    assert sum(mirror.requests.values()) == 1
    assert store.read_bytes(SHA256) == CONTENT
    assert unfinished(store) == []
