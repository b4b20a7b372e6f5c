"""The archive keys that a release is verified with: files in the repository, pinned by fingerprint."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from pathlib import Path

from scs_build.errors import FormatError, Location, RecipeError

FORMAT = 1
# A fingerprint counts the bytes of the key in two octets.
MAX_PACKET = 0xFFFF


def archive_key(folder: Path, release: str, archive: str) -> Path:
    """Return the key file of an archive (`debian` or `security`) of a release.

    `folder` holds `keys.json` and the files that it names. Raises `RecipeError` when there is no such key or
    the file holds another one than the pinned.
    """
    table = folder / "keys.json"
    where = Location(str(table))
    try:
        document = json.loads(table.read_bytes())
        if document["format"] != FORMAT:
            raise FormatError(f"format {document['format']} is not known", where=where)
        key = next(k for k in document["keys"] if (k["release"], k["archive"]) == (release, archive))
        path, pinned = folder / str(key["file"]), str(key["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
        raise RecipeError(
            f"no key for the archive {archive} of {release}", where=where, solution="add the archive's key"
        ) from error
    found = fingerprint(path)
    if found != pinned:
        raise RecipeError(f"holds the key {found}, pinned is {pinned}", where=Location(str(path)))
    return path


def fingerprint(path: Path) -> str:
    """Return the fingerprint (RFC 9580, 5.5.4) of the version 4 key in an ASCII-armoured file."""
    try:
        body = path.read_text(encoding="ascii").split("-----BEGIN PGP PUBLIC KEY BLOCK-----")[1]
        lines = body.split("-----END")[0].partition("\n\n")[2].splitlines()
        data = base64.b64decode("".join(line for line in lines if not line.startswith("=")))
        packet = _first_packet(data)
        if packet[0] != 4 or len(packet) > MAX_PACKET:
            raise ValueError(f"key version {packet[0]}, {len(packet)} bytes")
    except (OSError, ValueError, IndexError, binascii.Error) as error:
        raise RecipeError(f"is not an armoured OpenPGP key: {error}", where=Location(str(path))) from error
    return hashlib.sha1(b"\x99" + len(packet).to_bytes(2) + packet, usedforsecurity=False).hexdigest().upper()


def _first_packet(data: bytes) -> bytes:
    if data[0] & 0x40:  # the current packet form; a primary key fits a one- or two-octet length
        start, length = (2, data[1]) if data[1] < 192 else (3, ((data[1] - 192) << 8) + data[2] + 192)
    else:
        octets = 1 << (data[0] & 3)
        start, length = 1 + octets, int.from_bytes(data[1 : 1 + octets])
    return data[start : start + length]
