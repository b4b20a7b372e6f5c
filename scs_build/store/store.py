"""The store: files by their hash, records by step key, trees by key; safe for many processes at once.

Layout: `blobs/sha256/<hex>`, `steps/<key>.json`, `trees/<key>/`, `failed/<series>-<image>/` (what the last
step that failed left), `tmp/`, `locks/`, `format`.

Everything is made in `tmp/` and renamed into place, so whatever is visible is whole, and a process
killed at any moment leaves only entries of `tmp/` that a later one removes. Nothing is synced to the
disk: after a power cut the entries of the last half minute may be empty or cut off. An empty blob
counts as missing, as does one of another size than asked for, and a record that cannot be read;
`verify` finds every blob whose bytes are not its name. It cannot look into trees: their bytes have
no recorded hash, so after a power cut drop the young ones with `scs-build store gc`.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from scs_build.canonical import canonical_json, sha256_bytes, sha256_file
from scs_build.errors import DiskFullError, FormatError, ScsBuildError, StoreError
from scs_build.store.locking import exclusive, gate, is_held
from scs_build.store.records import uses_of
from scs_build.store.temporary import PART, TemporaryArea
from scs_build.store.usage import BLOCK, Usage, free_space, human, measure

FORMAT = 1
# What the system says of a place where no store can be.
UNUSABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)
CHUNK = 1 << 20
EMPTY = sha256_bytes(b"")
HEX = re.compile(r"[0-9a-f]{64}")
KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
MAKE_ROOM = (
    "free room with `scs-build store gc --max-size 5G`, or set SCS_BUILD_STORE to a folder on a larger disk"
)


class Writer:
    """A blob that is being written; `sha256` and `size` are final when its context has ended."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """The hash of what was written so far."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        """Append `data`."""
        self._stream.write(data)
        self._hash.update(data)
        self.size += len(data)


class Store:
    """A store in the folder `root`, which comes into being with the first write.

    Every method may be called from many threads and processes at once. A full disk raises
    `DiskFullError`, a folder that cannot be written `StoreError`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.blobs = root / "blobs" / "sha256"
        self.steps = root / "steps"
        self.trees = root / "trees"
        self.failed = root / "failed"
        self.locks = root / "locks"
        self.temporary = TemporaryArea(root / "tmp")
        self._prepared = False
        self._preparing = threading.Lock()
        self._check_format()

    @classmethod
    def default(cls) -> Store:
        """Return the store of `$SCS_BUILD_STORE`, else `scs-build` in the user's cache folder."""
        if root := os.environ.get("SCS_BUILD_STORE"):
            return cls(Path(root).absolute())
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return cls(Path(cache).absolute() / "scs-build")

    # Blobs

    def blob(self, sha256: str) -> Path:
        """Return where the blob is or would be; `sha256` is 64 digits, with or without `sha256:`."""
        digits = sha256.removeprefix("sha256:")
        if not HEX.fullmatch(digits):
            raise StoreError(f"not a sha256: {sha256!r}")
        return self.blobs / digits

    def has(self, sha256: str, size: int | None = None) -> bool:
        """Return whether the blob is there, with that size when given, and not emptied by a power cut."""
        try:
            actual = self.blob(sha256).lstat().st_size
        except FileNotFoundError:
            return False
        return actual == size if size is not None else actual > 0 or sha256.endswith(EMPTY)

    def is_sound(self, sha256: str) -> bool:
        """Read the blob and return whether it holds what its name says; one that does not is dropped."""
        blob = self.blob(sha256)
        try:
            if sha256_file(blob) == blob.name:
                self.touch(blob)
                return True
        except FileNotFoundError:
            return False
        with self.guard():
            blob.unlink(missing_ok=True)
        return False

    def read_bytes(self, sha256: str) -> bytes:
        """Return the content of a small blob; raises `StoreError` when missing or not what its name says."""
        path = self.blob(sha256)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise StoreError(f"the blob {path.name} is not in the store {self.root}") from error
        if sha256_bytes(data) != path.name:
            raise StoreError(
                f"the blob {path} does not hold what its name says",
                solution="run `scs-build store verify --repair`",
            )
        return data

    def add_bytes(self, data: bytes) -> str:
        """Add a blob and return its sha256."""
        with self.writer() as writer:
            writer.write(data)
        return writer.sha256

    def add_file(self, path: Path, move: bool = False) -> str:
        """Add a file's content and return its sha256; with `move` the file itself goes into the store."""
        with self.guard():
            if move and not path.is_symlink() and path.lstat().st_nlink == 1:
                self.prepare()
                sha256 = sha256_file(path)
                try:
                    self.adopt(path, sha256)
                    return sha256
                except OSError as error:
                    if error.errno != errno.EXDEV:
                        raise
            with path.open("rb") as stream, self.writer() as writer:
                while chunk := stream.read(CHUNK):
                    writer.write(chunk)
            if move:
                path.unlink()
        return writer.sha256

    @contextmanager
    def writer(self) -> Iterator[Writer]:
        """Write a blob of unknown hash piece by piece; an exception inside leaves nothing."""
        self.prepare()
        with self.guard(), self.temporary.file("blob") as path, self.guard():
            with path.open("wb") as stream:
                writer = Writer(stream)
                yield writer
            self.adopt(path, writer.sha256)

    def adopt(self, path: Path, sha256: str) -> None:
        """Rename a file of this file system into place as the blob that the caller knows it to be.

        A blob already there is replaced, which mends a broken one.
        """
        path.chmod(0o444)
        os.utime(path)
        path.rename(self.blob(sha256))

    def part(self, sha256: str) -> Path:
        """Return where an unfinished download of the blob is kept; lock it before writing."""
        return self.temporary.root / f"{self.blob(sha256).name}{PART}"

    # Records

    def record(self, key: str) -> dict[str, Any] | None:
        """Return the record of a step and count it and its trees as used now; None when there is none.

        A record that cannot be read (a power cut) counts as missing.
        """
        path = self.record_path(key)
        try:
            value: dict[str, Any] = json.loads(path.read_bytes())
            uses = uses_of(value)
        except (FileNotFoundError, ValueError):
            return None
        for used in (path, *(self.trees / tree for tree in uses.trees if KEY.fullmatch(tree))):
            self.touch(used)
        return value

    def put_record(self, key: str, value: dict[str, Any]) -> None:
        """Write the record of a step; `value["uses"]` may name the `blobs` and `trees` that it needs."""
        path = self.record_path(key)
        self.prepare()
        with self.guard(), self.temporary.file("record") as temporary, self.guard():
            temporary.write_bytes(canonical_json(value) + b"\n")
            temporary.rename(path)

    def record_path(self, key: str) -> Path:
        """Return where the record is or would be."""
        return self.steps / f"{_checked(key)}.json"

    # Trees and scratch folders

    def tree(self, key: str) -> Path | None:
        """Return the tree and count it as used now; None when there is none."""
        path = self.tree_path(key)
        if not path.is_dir():
            return None
        self.touch(path)
        return path

    def tree_path(self, key: str) -> Path:
        """Return where the tree is or would be."""
        return self.trees / _checked(key)

    @contextmanager
    def new_tree(self, key: str) -> Iterator[Path]:
        """Give an empty folder that becomes the tree `key` on a clean exit and goes on an exception.

        When another builder was faster, its tree stays and this one is dropped: both were made from
        the same key. Hold `lock(key)` around it to save the double work.
        """
        target = self.tree_path(key)
        self.prepare()
        with self.guard(), self.temporary.directory("tree") as path, self.guard():
            yield path
            os.utime(path)
            try:
                path.rename(target)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise

    @contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """Give an empty folder on the store's file system that is removed afterwards."""
        self.prepare()
        with self.guard(), self.temporary.directory(name) as path, self.guard():
            yield path

    # Working together

    @contextmanager
    def lock(
        self, name: str, *, on_wait: Callable[[], None] | None = None, stop: threading.Event | None = None
    ) -> Iterator[None]:
        """Hold the lock `name` alone, across processes and threads; not re-entrant.

        `on_wait` is called once when somebody else holds it. Setting `stop` ends the wait with
        `concurrent.futures.CancelledError`.
        """
        self.prepare()
        with self.guard(), exclusive(self._lock_path(name), on_wait=on_wait, stop=stop):
            yield

    def is_locked(self, name: str) -> bool:
        """Return whether somebody holds the lock `name` now."""
        return is_held(self._lock_path(name))

    @contextmanager
    def use(self, *names: str) -> Iterator[None]:
        """Keep the garbage collection away from these blobs, trees and records (present or not) meanwhile.

        It also spares whatever is added or touched while this context is open.
        """
        self.prepare()
        with self.guard(), self.temporary.file("lease") as lease:
            with self.collecting(shared=True):
                lease.write_text("\n".join(name.removeprefix("sha256:") for name in names))
            yield

    @contextmanager
    def collecting(self, *, shared: bool = False) -> Iterator[None]:
        """Hold the right to collect garbage alone, or (shared) keep every collection from starting."""
        self.prepare()
        with self.guard(), gate(self.locks / "collecting.gate", shared=shared):
            yield

    def leases(self) -> tuple[frozenset[str], float | None]:
        """Return the names in use now, and when the oldest use began (seconds since 1970, None: no use)."""
        names: set[str] = set()
        began: list[float] = []
        for path in self.temporary.root.glob("lease-*"):
            with suppress(FileNotFoundError):
                if is_held(path):
                    names.update(path.read_text().split())
                    began.append(path.stat().st_mtime)
        return frozenset(names), min(began, default=None)

    def touch(self, path: Path) -> None:
        """Count an entry as used now; a store that may only be read is left as it is."""
        with suppress(OSError):
            os.utime(path)

    # Room

    def sizes(self) -> Usage:
        """Measure the store; reads the metadata of every file."""
        blobs, trees, steps, tmp = (
            [measure(path) for path in folder.iterdir()] if folder.exists() else []
            for folder in (self.blobs, self.trees, self.steps, self.temporary.root)
        )
        tmp += [measure(path) for path in self.failed.iterdir()] if self.failed.exists() else []
        count = len(blobs) + len(trees) + len(steps)
        return Usage(sum(blobs), sum(trees), sum(steps), sum(tmp), count)

    def require_space(self, size: int) -> None:
        """Raise `DiskFullError` when fewer than `size` bytes (plus one block) are free."""
        if free_space(self.root) < size + BLOCK:
            raise self.disk_full(f"{human(size)} are needed on the disk of {self.root}")

    def disk_full(self, reason: str) -> DiskFullError:
        """Return the error for a full disk, with what is free and what the store takes."""
        usage = self.sizes()
        return DiskFullError(
            f"{reason} and {human(free_space(self.root))} are free;"
            f" the store takes {human(usage.total)} ({usage})",
            solution=MAKE_ROOM,
        )

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Turn a full disk and a store that cannot be written into our errors."""
        try:
            yield
        except OSError as error:
            raise self._explained(error) from error

    def _explained(self, error: OSError) -> OSError | ScsBuildError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return self.disk_full(f"the disk of {self.root} is full: more was needed")
        named = str(error.filename or "").startswith(str(self.root))
        if named and error.errno in UNUSABLE:
            return StoreError(
                f"the store cannot be written: {error.filename}: {error.strerror}",
                solution="check who owns the folder, or set SCS_BUILD_STORE to another one",
            )
        return error

    # Setting up

    def prepare(self) -> None:
        """Make the folders, and remove what killed processes left; once per object."""
        with self._preparing:
            if self._prepared:
                return
            with self.guard():
                try:
                    for folder in (self.blobs, self.steps, self.trees, self.locks, self.temporary.root):
                        folder.mkdir(parents=True, exist_ok=True)
                except FileNotFoundError as error:  # such as below /proc
                    raise StoreError(
                        f"no folder can be made at {error.filename}",
                        solution="set SCS_BUILD_STORE to another one",
                    ) from error
                self.temporary.clean()
                if not (self.root / "format").exists():
                    with self.temporary.file("format") as path:
                        path.write_text(f"{FORMAT}\n")
                        path.rename(self.root / "format")
            self._prepared = True

    def _check_format(self) -> None:
        path = self.root / "format"
        try:
            text = path.read_text().strip()
        except FileNotFoundError:
            return
        except NotADirectoryError as error:
            raise self._explained(error) from error
        if text.isdecimal() and int(text) > FORMAT:
            raise FormatError(
                f"the store {self.root} has format {text}, this release reads up to {FORMAT}",
                solution="update scs-build, or set SCS_BUILD_STORE to another folder",
            )

    def _lock_path(self, name: str) -> Path:
        return self.locks / f"{quote(name, safe='')}.lock"


def _checked(key: str) -> str:
    if not KEY.fullmatch(key):
        raise StoreError(f"not a key of the store: {key!r}")
    return key
