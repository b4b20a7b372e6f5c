"""Layers: entries become a deterministic tar, compressed in parallel, written straight into the store.

The bytes are a function of the entries alone: neither `jobs`, the order of the entries, the machine nor
the time has a say. Memory is a few chunks per job, whatever the size of the layer.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from scs_build.errors import ProgramError
from scs_build.oci.entry import Entry, Layer
from scs_build.oci.header import header
from scs_build.oci.order import ordered
from scs_build.oci.source import PIECE, opened, pieces
from scs_build.store.store import Store
from scs_build.tar import END, padding

# Part of every key of a step that writes layers: to be raised by whatever changes the bytes of a layer.
LAYER_FORMAT = 1
# Bytes of tar in one gzip member.
CHUNK = 32 << 20
LEVEL = 6
# The compressor shapes bytes: another version is another layer format.
DEFLATE_VERSION = "0.9.0"


def write_layer(store: Store, entries: Iterable[Entry], jobs: int) -> Layer:
    """Write `entries` as a gzip-compressed tar into the store, compressing in `jobs` threads.

    Paths are sorted, hard links come after everything else, so after their primary. Parent directories
    that no entry names are made up as `0755 root`: name those that differ in a layer below. A name
    `.wh.<name>` is a whiteout, as the OCI specification says. Raises `ResultError` for entries that do
    not fit together and for files that vanish or change meanwhile, `ProgramError` when the compressor
    has another version than the layer format is defined with.
    """
    compress = _compressor()
    unpacked = content = 0
    with store.writer() as blob, ThreadPoolExecutor(max(1, jobs)) as pool, ThreadPoolExecutor(1) as hasher:
        sink = _Sink(blob.write, compress, pool, hasher, max(1, jobs))
        for entry in ordered(entries):
            content += _append(sink, entry)
        sink.write(END)
        unpacked, diff_id = sink.finish()
    return Layer(f"sha256:{blob.sha256}", blob.size, f"sha256:{diff_id}", unpacked, content)


def _append(sink: _Sink, entry: Entry) -> int:
    """Write one entry's header and content; return the size of its content in bytes."""
    if entry.type != "file":
        sink.write(header(entry, 0))
        return 0
    if isinstance(entry.content, bytes):
        size = len(entry.content)
        sink.write(header(entry, size))
        for start in range(0, size, PIECE):
            sink.write(entry.content[start : start + PIECE])
    else:
        with opened(entry.content) as (descriptor, status):
            size = status.st_size
            sink.write(header(entry, size))
            for data in pieces(entry.content, descriptor, status):
                sink.write(data)
    if gap := padding(size):
        sink.write(bytes(gap))
    return size


def _compressor() -> Callable[[bytes], bytes]:
    import deflate

    if deflate.__version__ != DEFLATE_VERSION:
        raise ProgramError(
            f"layer format {LAYER_FORMAT} is defined with deflate {DEFLATE_VERSION}, "
            f"this is deflate {deflate.__version__}: digests would differ",
            solution=f"install deflate=={DEFLATE_VERSION}",
        )

    def compress(chunk: bytes) -> bytes:
        done: bytes = deflate.gzip_compress(chunk, LEVEL)
        return done

    return compress


@dataclass
class _Sink:
    """Cuts the tar into chunks, hashes and compresses them in threads, writes them in order."""

    out: Callable[[bytes], object]
    compress: Callable[[bytes], bytes]
    pool: ThreadPoolExecutor
    hasher: ThreadPoolExecutor
    jobs: int

    def __post_init__(self) -> None:
        self._buffer = bytearray()
        self._pending: deque[tuple[Future[bytes], Future[None]]] = deque()
        self._sha256 = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        """Take the next bytes of the tar, at most a few MiB at once."""
        self._buffer += data
        while len(self._buffer) >= CHUNK:
            chunk = bytes(memoryview(self._buffer)[:CHUNK])
            del self._buffer[:CHUNK]
            self._submit(chunk)

    def finish(self) -> tuple[int, str]:
        """Write what is left; return size and sha256 of the whole tar."""
        if self._buffer:
            self._submit(bytes(self._buffer))
            self._buffer.clear()
        while self._pending:
            self._drain()
        return self._size, self._sha256.hexdigest()

    def _submit(self, chunk: bytes) -> None:
        # Waiting here is what bounds the memory: at most one chunk per job is under way.
        while len(self._pending) >= self.jobs:
            self._drain()
        self._size += len(chunk)
        hashed = self.hasher.submit(self._sha256.update, chunk)
        self._pending.append((self.pool.submit(self.compress, chunk), hashed))

    def _drain(self) -> None:
        compressed, hashed = self._pending.popleft()
        self.out(compressed.result())
        hashed.result()
