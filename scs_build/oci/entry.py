"""One path of a layer and where its bytes come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scs_build.inputs.artefact import EntryType


@dataclass(frozen=True, slots=True)
class Entry:
    """A path of a layer. `path` has no leading slash; files have `content` (bytes or a file to read).

    Times are not part of it: every path of every layer carries the same fixed time.
    """

    path: str
    type: EntryType
    mode: int
    uid: int = 0
    gid: int = 0
    content: Path | bytes = b""
    link: str = ""
    capability: bytes = b""


@dataclass(frozen=True)
class Layer:
    """A compressed layer in the store: `digest` and `size` of the blob, `diff_id` and `unpacked` of the tar.

    `digest` and `diff_id` are `sha256:<hex>`; `files` is the unpacked content in bytes (tar framing apart).
    """

    digest: str
    size: int
    diff_id: str
    unpacked: int
    files: int
