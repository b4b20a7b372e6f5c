"""OCI image layouts: a folder that skopeo, engines and registries read, its blobs shared with the store."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from scs_build.canonical import canonical_json, sha256_file
from scs_build.errors import FormatError, Location, ScsBuildError, StoreError, VerificationError
from scs_build.oci.image import MANIFEST_TYPE, Image
from scs_build.store.store import Store
from scs_build.strict_json import JsonError, read_json

LAYOUT_FILE = "oci-layout"
LAYOUT_VERSION = "1.0.0"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
REF_NAME = "org.opencontainers.image.ref.name"
# What `_beside` makes.
TEMPORARY = re.compile(r"\..+\.[0-9a-f]{32}")
_PLATFORM = ("os", "architecture", "variant")


def write_layout(store: Store, directory: Path, images: Mapping[str, Image | str]) -> None:
    """Put images of the store, by reference name, into the layout `directory` (made when missing).

    An image is an `Image` or the digest of a manifest. Blobs are hard links to the store, copies across
    file systems. References of other images stay. It happens under a lock, and `index.json` is replaced in
    one move: readers and other writers always see a whole layout. Raises `StoreError` when a blob is missing.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with locked(directory):
        _remove_temporary(directory)
        new = {ref: _publish(store, directory, _digest(image)) for ref, image in images.items()}
        index = _present(directory)
        kept = [entry for entry in index["manifests"] if reference(entry) not in new]
        named = [{**entry, "annotations": {REF_NAME: ref}} for ref, entry in new.items()]
        index["manifests"] = sorted(
            [*kept, *named], key=lambda entry: (reference(entry) or "", entry["digest"])
        )
        _write_once(directory / LAYOUT_FILE, canonical_json({"imageLayoutVersion": LAYOUT_VERSION}))
        _write_once(directory / "index.json", canonical_json(index))


def _present(directory: Path) -> dict[str, Any]:
    """Return the index of the layout that is there, or an empty one; what is no layout is not replaced."""
    if not (directory / "index.json").exists():
        return _empty()
    try:
        return read_layout(directory)
    except ScsBuildError as error:
        error.solution = f"remove {directory}, and run this again"
        raise


def read_layout(directory: Path) -> dict[str, Any]:
    """Return the index of a layout: `{"schemaVersion", "mediaType", "manifests": [descriptor, ...]}`.

    Raises `VerificationError` when it is no layout, `FormatError` when it has another version.
    """
    version = _read(directory / LAYOUT_FILE).get("imageLayoutVersion")
    if version != LAYOUT_VERSION:
        where = Location(str(directory / LAYOUT_FILE))
        raise FormatError(
            f"the layout has version {version}, this release reads {LAYOUT_VERSION}", where=where
        )
    index = _read(directory / "index.json")
    manifests = index.get("manifests")
    if not isinstance(manifests, list) or not all(map(_is_descriptor, manifests)):
        raise VerificationError("the index lists no manifests", where=Location(str(directory / "index.json")))
    return index


def _is_descriptor(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("digest"), str):
        return False
    notes = value.get("annotations", {})
    return isinstance(notes, dict) and isinstance(notes.get(REF_NAME, ""), str)


def reference(descriptor: Mapping[str, Any]) -> str | None:
    """Return the reference name that a descriptor of an index carries."""
    name: str | None = (descriptor.get("annotations") or {}).get(REF_NAME)
    return name


def references(directory: Path) -> dict[str, str]:
    """Return the digests of a layout by the names that stand for them; raises as `read_layout` does."""
    named = ((reference(entry), entry["digest"]) for entry in read_layout(directory)["manifests"])
    return {name: digest for name, digest in named if name}


def has_reference(directory: Path, name: str, digest: str) -> bool:
    """Return whether a layout is there in which `name` stands for the image `digest`."""
    if not (directory / "index.json").exists():
        return False
    found = (entry for entry in _present(directory)["manifests"] if reference(entry) == name)
    return any(entry.get("digest") == digest for entry in found)


def blob_path(directory: Path, digest: str) -> Path:
    """Return where a layout keeps the blob `sha256:<hex>`."""
    return directory / "blobs" / "sha256" / digest.removeprefix("sha256:")


def blob_problem(directory: Path, digest: str) -> str | None:
    """Read the blob of a layout and return what is wrong with it; None when it holds what its digest says."""
    path = blob_path(directory, digest)
    if path.exists() and not path.is_file():  # reading a pipe would wait for ever
        return f"{digest} is no file"
    try:
        found = f"sha256:{sha256_file(path)}"
    except FileNotFoundError:
        return f"{digest} is not in the layout"
    except OSError as error:
        return f"{digest} cannot be read: {error.strerror}"
    return None if found == digest else f"the file of {digest} has the digest {found}"


def _digest(image: Image | str) -> str:
    return image if isinstance(image, str) else image.digest


def _empty() -> dict[str, Any]:
    return {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": []}


def _publish(store: Store, directory: Path, digest: str) -> dict[str, Any]:
    """Put the blobs of one image into the layout and return its descriptor."""
    raw = store.read_bytes(digest)
    manifest = json.loads(raw)
    config = json.loads(store.read_bytes(manifest["config"]["digest"]))
    # The manifest comes last: whoever sees it finds what it names.
    _share(store, directory, [*manifest["layers"], manifest["config"], {"digest": digest, "size": len(raw)}])
    platform = {name: config[name] for name in _PLATFORM if name in config}
    return {"mediaType": MANIFEST_TYPE, "digest": digest, "size": len(raw), "platform": platform}


def _share(store: Store, directory: Path, descriptors: Iterable[Mapping[str, Any]]) -> None:
    blob_path(directory, "").mkdir(parents=True, exist_ok=True)
    for descriptor in descriptors:
        source = store.blob(descriptor["digest"])
        target = blob_path(directory, descriptor["digest"])
        if _size(target) == descriptor["size"]:
            continue
        if _size(source) != descriptor["size"]:
            raise StoreError(
                f"{descriptor['digest']} is not in the store, or is not whole",
                solution="run `scs-build store verify --repair`, then build the image again",
            )
        # Only what is new in the layout is read: a damaged disk shall not reach an image.
        if sha256_file(source) != source.name:
            raise StoreError(
                f"the blob {source} does not hold what its name says",
                solution="run `scs-build store verify --repair`, then build the image again",
            )
        link_or_copy(source, target)


def _size(path: Path) -> int | None:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return None


def link_or_copy(source: Path, target: Path) -> None:
    """Link or copy `source` to `target`, replacing what is there in one move."""
    with _beside(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError as error:
            # Another file system, too many links, or a kernel that protects hard links of others' files.
            if error.errno not in {errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EACCES, errno.ENOTSUP}:
                raise
            shutil.copyfile(source, temporary)
            temporary.chmod(0o444)
        try:
            temporary.replace(target)
        except IsADirectoryError as error:
            raise StoreError("is a folder", where=Location(str(target)), solution="remove it") from error


def _write_once(path: Path, data: bytes) -> None:
    """Write a file in one move, unless it holds these bytes already."""
    if path.exists() and path.read_bytes() == data:
        return
    with _beside(path) as temporary:
        temporary.write_bytes(data)
        temporary.replace(path)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        yield temporary
    finally:
        # Renaming a link over another name of the same file does nothing at all, so it may still be there.
        temporary.unlink(missing_ok=True)


def _remove_temporary(directory: Path) -> None:
    """Remove what a killed process left; nobody else writes while the folder is locked."""
    for folder in (directory, blob_path(directory, "")):
        for path in folder.glob(".*"):
            if TEMPORARY.fullmatch(path.name):
                path.unlink(missing_ok=True)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the folder itself locked, so that no lock file becomes part of the layout."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read(path: Path) -> dict[str, Any]:
    try:
        value = read_json(path.read_bytes())
    except FileNotFoundError as error:
        raise VerificationError("is missing: this is no OCI layout", where=Location(str(path))) from error
    except JsonError as error:
        place = Location(str(path), error.line, error.column)
        raise VerificationError(error.reason, where=place) from error
    if not isinstance(value, dict):
        raise VerificationError("is not a JSON object", where=Location(str(path)))
    return value
