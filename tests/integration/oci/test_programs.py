"""What other programs make of our layers, and what a large one costs in memory."""

import subprocess
import sys
from pathlib import Path

from scs_build.oci.entry import Entry
from scs_build.oci.layer import write_layer
from scs_build.store.store import Store

# The peak of the process is told by the kernel: what tracemalloc cannot see (the compressor) counts as well.
LARGE = """
import resource, sys
from pathlib import Path
from scs_build.oci.entry import Entry
from scs_build.oci.layer import write_layer
from scs_build.oci.unpack import unpack_layer
from scs_build.store.store import Store
room = Path(sys.argv[1])
with (room / "sparse").open("wb") as stream:
    stream.write(b"head")
    stream.truncate(int(sys.argv[2]) << 20)
store = Store(room / "store")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
layer = write_layer(store, [Entry("sparse", "file", 0o644, content=room / "sparse")], 2)
unpack_layer(store.blob(layer.digest), room / "out")
assert (room / "out/sparse").stat().st_size == int(sys.argv[2]) << 20
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


def test_gnu_tar_and_gzip_read_a_layer_of_several_members(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    entries = [
        Entry("a", "file", 0o644, content=bytes(33 << 20)),
        Entry("b/" + "n" * 150, "file", 0o755, content=b"x"),
        Entry("c", "hardlink", 0o644, link="a"),
        Entry("d", "link", 0o777, link="t" * 150),
    ]
    blob = store.blob(write_layer(store, entries, 2).digest)
    with blob.open("rb") as stream:
        subprocess.run(["gzip", "--test"], stdin=stream, check=True)
    listed = subprocess.run(["tar", "-tzf", str(blob)], check=True, capture_output=True, text=True)
    assert (listed.stdout.split(), listed.stderr) == (["a", "b/", "b/" + "n" * 150, "d", "c"], "")


def test_memory_is_bounded_whatever_the_size(tmp_path: Path) -> None:
    peak = subprocess.run(
        [sys.executable, "-c", LARGE, str(tmp_path), "300"], check=True, capture_output=True, text=True
    )
    assert int(peak.stdout) < 6 * 32
