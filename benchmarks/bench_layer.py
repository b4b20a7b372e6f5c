"""How far `write_layer` and `unpack_layer` are from their floors, as ratios in one run.

The floor of writing is sha256 of the same tar plus the compressor on its chunks, both alone and
in one thread; the floor of unpacking is inflating the blob. Run: `python bench_layer.py DIRECTORY`.
"""

import gzip
import hashlib
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import deflate

from scs_build.oci.layer import CHUNK, LEVEL, write_layer
from scs_build.oci.tree import MergedTree
from scs_build.oci.unpack import unpack_layer
from scs_build.store.store import Store

T = TypeVar("T")


def best(call: Callable[[], T]) -> tuple[float, T]:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - start)
    return min(times), result


def floor(tar: bytes) -> None:
    hashlib.sha256(tar).digest()
    for start in range(0, len(tar), CHUNK):
        deflate.gzip_compress(memoryview(tar)[start : start + CHUNK], LEVEL)


def main() -> None:
    tree = MergedTree((Path(sys.argv[1]).resolve(),))
    entries = [tree.entry(path) for path, _, status in tree.walk() if (status.st_mode & 0o170000) != 0o140000]
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        one, layer = best(lambda: write_layer(store, entries, 1))
        two, _ = best(lambda: write_layer(store, entries, 2))
        blob = store.blob(layer.digest)
        tar = gzip.decompress(blob.read_bytes())
        least, _ = best(lambda: floor(tar))
        numbers = iter(range(9))
        out, _ = best(lambda: unpack_layer(blob, Path(folder) / str(next(numbers))))
        packed = zlib.compress(tar, LEVEL)
        inflate, _ = best(lambda: zlib.decompress(packed))
    print(f"{len(entries)} paths, {layer.unpacked >> 20} MiB of tar, {layer.size >> 20} MiB compressed")
    print(f"floor (sha256 + deflate, one thread)  {least:6.2f} s")
    print(f"write_layer, 1 job                    {one:6.2f} s  ratio {one / least:.2f}")
    print(f"write_layer, 2 jobs                   {two:6.2f} s  ratio {two / least:.2f}")
    print(f"unpack_layer                          {out:6.2f} s  ratio to inflate {out / inflate:.2f}")


if __name__ == "__main__":
    main()
