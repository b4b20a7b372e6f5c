"""Many processes at once, processes killed at any moment, and disks that fill up."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from scs_build.store.gc import collect, plan_gc
from scs_build.store.store import Store
from scs_build.store.verify import verify

PRELUDE = """
import itertools, os, sys
from pathlib import Path
from scs_build.errors import DiskFullError
from scs_build.store.gc import collect, plan_gc
from scs_build.store.store import Store
store = Store(Path(sys.argv[1]))
def step(number, size=20000):
    with store.use():
        if store.record(f"step-{number}") is None:
            blob = store.add_bytes(b"%d " % number * size)
            with store.new_tree(f"tree-{number}") as tree:
                for name in range(20):
                    (tree / str(name)).mkdir()
                    (tree / str(name) / "file").write_text(f"{number}")
            store.put_record(f"step-{number}", {"uses": {"blobs": [blob], "trees": [f"tree-{number}"]}})
"""
SAME_WORK = "for number in range(15): step(number)"
SAME_WORK_AND_COLLECTING = """
for number in range(15):
    step(number)
    if number % 5 == 4: collect(store, plan_gc(store, max_bytes=0))
"""
ENDLESS = """
print("ready", flush=True)
for number in itertools.count():
    with store.lock("same"), store.scratch("s") as path:
        (path / "d").mkdir()
        step(number % 50)
    if number % 20 == 19: collect(store, plan_gc(store, max_bytes=0))
"""


def start(code: str, root: Path, *prefix: str) -> subprocess.Popen[bytes]:
    argv = [*prefix, sys.executable, "-c", PRELUDE + code, str(root)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def assert_sound(store: Store) -> None:
    assert verify(store) == []
    for tree in store.trees.iterdir():
        assert len(list(tree.glob("*/file"))) == 20
    assert list(store.temporary.root.iterdir()) == []


@pytest.mark.parametrize("code", [SAME_WORK, SAME_WORK_AND_COLLECTING])
def test_eight_processes_with_the_same_work_do_not_disturb_each_other(tmp_path: Path, code: str) -> None:
    children = [start(code, tmp_path / "store") for _ in range(8)]
    assert [child.communicate()[1] for child in children] == [b""] * 8
    store = Store(tmp_path / "store")
    store.prepare()
    assert_sound(store)
    if code == SAME_WORK:
        assert store.sizes().count == 3 * 15


def test_killed_at_any_moment_nothing_half_written_is_visible(tmp_path: Path) -> None:
    chance = random.Random(1)
    for _ in range(12):
        with start(ENDLESS, tmp_path) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            with pytest.raises(subprocess.TimeoutExpired):
                child.wait(chance.uniform(0, 0.1))
            child.send_signal(signal.SIGKILL)
        assert child.returncode == -signal.SIGKILL
        store = Store(tmp_path)
        assert verify(store) == []
        store.prepare()
        assert_sound(store)
        with store.lock("same"):
            assert store.is_locked("same")


FILL = """
try:
    for number in itertools.count(): step(number, 100000)
except DiskFullError as error: print(error)
assert [path.name for path in store.temporary.root.iterdir()] == []
collect(store, plan_gc(store))
assert store.sizes().total == 0
step(1)
"""
FILL_WITH_TREES = """
try:
    with store.new_tree("large") as path:
        for number in itertools.count(): (path / str(number)).write_bytes(bytes(100000))
except DiskFullError as error: print(error)
assert store.sizes().total == 0
step(1)
"""
FETCH = """
from scs_build.store.fetch import Download, fetch
import hashlib
source = store.root.parent / "source"
size = 3 << 20
with source.open("wb") as stream: stream.truncate(size)
def wanted(before): return Download(hashlib.sha256(bytes(size)).hexdigest(), size, "x",
                                        lambda: [before(), source.as_uri()])
def fill(): (store.root / "filler").write_bytes(bytes(3 << 20)); return "file:///nonexistent"
try: fetch(store, [wanted(fill)])
except DiskFullError as error: print(error)
(store.root / "filler").unlink()
assert fetch(store, [wanted(str)]).count == 1
assert store.has(hashlib.sha256(bytes(size)).hexdigest(), size)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
@pytest.mark.parametrize("code", [FILL, FILL_WITH_TREES, FETCH])
def test_a_full_disk_is_told_leaves_nothing_and_can_be_freed(tmp_path: Path, code: str) -> None:
    (tmp_path / "store").mkdir()
    mount = 'mount -t tmpfs -o size=5m none "$0" && exec "$@"'
    child = start(code, tmp_path / "store", "unshare", "--mount", "sh", "-c", mount, str(tmp_path / "store"))
    stdout, stderr = child.communicate()
    assert (child.returncode, stderr) == (0, b"")
    assert b"is full" in stdout
    assert b"scs-build store gc" in stdout


AS_NOBODY = """
import shutil
with store.scratch("x") as path:
    (path / "work" / "work").mkdir(parents=True)
    (path / "work" / "work" / "file").touch()
    (path / "work" / "work").chmod(0)
    (path / "work").chmod(0o555)
with store.new_tree("t") as path:
    (path / "a").mkdir()
    (path / "a").chmod(0o555)
store.tree("t").chmod(0o555)
collect(store, plan_gc(store))
assert store.tree("t") is None
assert list(store.temporary.root.iterdir()) == []
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_an_ordinary_user_removes_read_only_trees() -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        os.chown(folder, 65534, 65534)
        code = f"import os; os.setgid(65534); os.setuid(65534)\n{AS_NOBODY}"
        assert start(code, folder).communicate() == (b"", b"")
    finally:
        shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="makes device nodes")
def test_trees_with_device_nodes_are_removed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.new_tree("layer") as path:
        os.mknod(path / "removed", 0o020000, os.makedev(0, 0))
    assert len(collect(store, plan_gc(store)).removed) == 1
    assert store.sizes().count == 0
