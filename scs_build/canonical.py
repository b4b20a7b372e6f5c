"""Canonical JSON and digests: the one way in which keys and deterministic documents are formed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

# Made once: a plan forms a thousand keys.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical_json(value: Any) -> bytes:
    """Return `value` as JSON with sorted keys and no white space, the form that is hashed."""
    return _ENCODER.encode(value).encode()


def sha256_bytes(data: bytes) -> str:
    """Return the sha256 of `data` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file's content, read piecewise, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_of(value: Any) -> str:
    """Return the sha256 of the canonical JSON of `value`: the id of a step, a plan, a document."""
    return sha256_bytes(canonical_json(value))
