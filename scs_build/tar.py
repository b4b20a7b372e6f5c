"""Tar headers in the POSIX (pax) format, written here so that no release of Python can change a digest.

`tarfile` writes headers that differ between its releases and costs a multiple of what a small file costs.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

BLOCK = 512
# What ends an archive.
END = bytes(2 * BLOCK)
# 2020-01-01 00:00 UTC: every path of every archive, so that no build has a time of its own.
MTIME = 1577836800
TYPES = {"file": b"0", "hardlink": b"1", "link": b"2", "dir": b"5", "fifo": b"6"}

_PAX = b"x"
# name, mode, uid, gid, size, mtime, checksum, type, link, magic, uname, gname, major, minor, prefix, rest
_USTAR = struct.Struct("100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12x")
_MAX_ID = 0o7777777
_MAX_SIZE = 0o77777777777


@dataclass(frozen=True, slots=True)
class Fields:
    """What a header says; `type` is one of the values of `TYPES`."""

    name: bytes
    mode: int
    uid: int
    gid: int
    size: int
    type: bytes
    link: bytes = b""


def padding(size: int) -> int:
    """Return how many bytes follow `size` bytes of content up to the next block."""
    return -size % BLOCK


def tar_header(fields: Fields, capability: bytes = b"") -> bytes:
    """Return the header blocks of one path."""
    records = _records(fields, capability)
    return (_extended(records, fields.name) if records else b"") + _ustar(fields)


def _records(fields: Fields, capability: bytes) -> bytes:
    """Return the pax records for what the ustar fields cannot say, sorted by key."""
    records = b""
    if capability:
        records += _record(b"SCHILY.xattr.security.capability", capability)
    if fields.gid > _MAX_ID:
        records += _record(b"gid", b"%d" % fields.gid)
    if len(fields.link) > 100 or not fields.link.isascii():
        records += _record(b"linkpath", fields.link)
    if len(fields.name) > 100 or not fields.name.isascii():
        records += _record(b"path", fields.name)
    if fields.size > _MAX_SIZE:
        records += _record(b"size", b"%d" % fields.size)
    if fields.uid > _MAX_ID:
        records += _record(b"uid", b"%d" % fields.uid)
    return records


def _record(key: bytes, value: bytes) -> bytes:
    """Return one record; its first field is the length of the whole record, that field included."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def _extended(records: bytes, name: bytes) -> bytes:
    fields = Fields(b"PaxHeaders/" + name.rpartition(b"/")[2], 0o644, 0, 0, len(records), _PAX)
    return _ustar(fields) + records + bytes(padding(len(records)))


def _ustar(fields: Fields) -> bytes:
    """Return one ustar block; what does not fit is cut, a pax record then says it in full."""
    block = bytearray(_USTAR.pack(
        fields.name[:100],
        b"%07o" % fields.mode,
        b"%07o" % _fitting(fields.uid, _MAX_ID),
        b"%07o" % _fitting(fields.gid, _MAX_ID),
        b"%011o" % _fitting(fields.size, _MAX_SIZE),
        b"%011o" % MTIME,
        b"        ",
        fields.type,
        fields.link[:100],
        b"ustar\x0000",
        b"", b"", b"", b"", b"",
    ))  # fmt: skip
    block[148:155] = b"%06o\0" % sum(block)
    return bytes(block)


def _fitting(value: int, most: int) -> int:
    return value if value <= most else 0
