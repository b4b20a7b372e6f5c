"""What a layer holds, read once from the very bytes that are shipped, and remembered in the store."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from scs_build.canonical import digest_of
from scs_build.errors import Location, VerificationError
from scs_build.evidence.traits import TRAITS_FORMAT, Traits
from scs_build.inputs.artefact import EntryType
from scs_build.oci.unpack import open_layer
from scs_build.plan.history import NOTHING
from scs_build.store.store import Store

CONTENT_FORMAT = 2
PIECE = 1 << 20
_CAPABILITY = "SCHILY.xattr.security.capability"
_TYPES: dict[bytes, EntryType] = {
    tarfile.REGTYPE: "file", tarfile.AREGTYPE: "file", tarfile.DIRTYPE: "dir", tarfile.SYMTYPE: "link",
    tarfile.LNKTYPE: "hardlink", tarfile.CHRTYPE: "char", tarfile.BLKTYPE: "block", tarfile.FIFOTYPE: "fifo",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """One path of a layer. `path` has no leading slash; `sha256` and `size` are of the content of files.

    `capability` is `security.capability` in hexadecimal digits; `traits` is what reading the content showed.
    """

    path: str
    type: EntryType
    mode: int
    uid: int = 0
    gid: int = 0
    size: int = 0
    sha256: str = ""
    link: str = ""
    capability: str = ""
    traits: dict[str, Any] = field(default_factory=dict)


def layer_items(store: Store, digest: str, blob: Path | None = None) -> tuple[Item, ...]:
    """Return every path of a layer, in the order of its tar; its `blob` lies in the store unless given.

    Raises `VerificationError` when the blob is not what its digest says, or no layer.
    """
    key = content_key(digest)
    record = store.record(key)
    if record is None:
        found = tuple(_read(blob or store.blob(digest), digest))
        store.put_record(key, {"items": [_fields(item) for item in found], "uses": NOTHING})
        return found
    return tuple(Item(*fields) for fields in record["items"])


def content_key(digest: str) -> str:
    """Return the key under which the store remembers what a layer holds."""
    return digest_of({"content": digest, "format": [CONTENT_FORMAT, TRAITS_FORMAT]})


def _fields(item: Item) -> list[Any]:
    return [getattr(item, name) for name in Item.__slots__]


def is_remembered(store: Store, digest: str) -> bool:
    """Return whether the store knows what a layer holds."""
    return store.record_path(content_key(digest)).is_file()


def file_contents(blob: Path, wanted: Collection[str]) -> dict[str, bytes]:
    """Return the content of files of a layer by path; paths that it does not hold are left out."""
    found: dict[str, bytes] = {}
    with open_layer(blob) as members:
        for tar, member in members:
            if member.name in wanted and (stream := tar.extractfile(member)):
                found[member.name] = stream.read()
    return found


def _read(blob: Path, digest: str) -> Iterator[Item]:
    whole = hashlib.sha256()
    with open_layer(blob, whole.update) as members:
        for tar, member in members:
            yield _item(tar, member)
    if f"sha256:{whole.hexdigest()}" != digest:
        raise VerificationError(f"is not the layer {digest}", where=Location(str(blob)))


def _item(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Item:
    capability = member.pax_headers.get(_CAPABILITY, "").encode("utf-8", "surrogateescape").hex()
    head = (member.name.strip("/"), _TYPES[member.type], member.mode, member.uid, member.gid)
    stream = tar.extractfile(member) if member.isreg() else None
    if stream is None:
        return Item(*head, link=member.linkname, capability=capability)
    sha256, traits = _examined(stream, member)
    return Item(*head, member.size, sha256, "", capability, traits)


def _examined(stream: IO[bytes], member: tarfile.TarInfo) -> tuple[str, dict[str, Any]]:
    whole, traits = hashlib.sha256(), Traits(member.name, member.size)
    while piece := stream.read(PIECE):
        whole.update(piece)
        traits.take(piece)
    return whole.hexdigest(), traits.found()
