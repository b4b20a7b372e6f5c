"""The tar header of an entry of a layer."""

from __future__ import annotations

from scs_build.errors import ResultError
from scs_build.oci.entry import Entry
from scs_build.tar import TYPES, Fields, tar_header


def header(entry: Entry, size: int) -> bytes:
    """Return the header blocks of `entry`, whose content has `size` bytes.

    Raises `ResultError` for what a layer cannot hold: devices, names that are not UTF-8.
    """
    kind = TYPES.get(entry.type)
    if kind is None:
        raise ResultError(f"/{entry.path}: a layer cannot hold a {entry.type} device")
    try:
        name = (entry.path + "/" if entry.type == "dir" else entry.path).encode()
        link = entry.link.encode()
    except UnicodeEncodeError as error:
        raise ResultError(f"/{entry.path!a}: the name or its link target is not UTF-8") from error
    fields = Fields(name, entry.mode & 0o7777, entry.uid, entry.gid, size, kind, link)
    return tar_header(fields, entry.capability)
