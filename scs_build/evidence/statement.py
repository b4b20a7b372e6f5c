"""in-toto statements: what a check found, as a claim about the digest of an image.

A statement is canonical JSON without a time or a machine in it, so that equal findings have equal bytes. It
is the payload that an envelope (DSSE) signs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scs_build.canonical import canonical_json

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"


class StatementError(ValueError):
    """Bytes that are not a statement about one image."""


@dataclass(frozen=True)
class Statement:
    """A claim about an image: `digest` (`sha256:<hex>`) is that of its manifest."""

    name: str
    digest: str
    predicate_type: str
    predicate: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        """Return the statement as canonical JSON, the form that is hashed and signed."""
        algorithm, _, digits = self.digest.partition(":")
        return canonical_json({
            "_type": STATEMENT_TYPE,
            "subject": [{"name": self.name, "digest": {algorithm: digits}}],
            "predicateType": self.predicate_type,
            "predicate": dict(self.predicate),
        })  # fmt: skip

    @classmethod
    def from_bytes(cls, data: bytes) -> Statement:
        """Read a statement about one image; raises `StatementError`."""
        try:
            value = json.loads(data)
            (subject,) = value["subject"]
            known = value["_type"] == STATEMENT_TYPE
            name, digits = subject["name"], subject["digest"]["sha256"]
            kind, predicate = value["predicateType"], value["predicate"]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise StatementError("is not a statement about one image") from error
        if not known or not all(isinstance(text, str) for text in (name, digits, kind)):
            raise StatementError("is not an in-toto statement of version 1")
        if not isinstance(predicate, dict):
            raise StatementError("has no predicate")
        return cls(name, f"sha256:{digits}", kind, predicate)
