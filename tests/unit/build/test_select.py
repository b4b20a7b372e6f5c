"""What the tree holds in the place of a locked path is said in words."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from scs_build.build.select import entry_of
from scs_build.canonical import sha256_bytes
from scs_build.inputs.artefact import Member
from scs_build.oci.entry import Entry
from scs_build.oci.tree import MergedTree

UID, GID = os.getuid(), os.getgid()
FILE = Member("usr/file", "file", 0o644, UID, GID, 4, sha256_bytes(b"data"), "")
LINK = Member("usr/link", "link", 0o777, UID, GID, 0, "", "file")


@pytest.fixture
def tree(tmp_path: Path) -> MergedTree:
    (tmp_path / "usr").mkdir()
    (tmp_path / "usr/file").write_bytes(b"data")
    (tmp_path / "usr/file").chmod(0o644)
    (tmp_path / "usr/link").symlink_to("file")
    return MergedTree((tmp_path,))


@pytest.mark.parametrize("member", [FILE, LINK])
def test_what_is_as_it_was_brought_is_an_entry(tree: MergedTree, member: Member) -> None:
    found = entry_of(tree, member)
    assert isinstance(found, Entry) and found.path == member.path


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (replace(FILE, path="usr/none"), "is missing"),
        (replace(FILE, mode=0o755), "has mode 0644, not 0755"),
        (replace(FILE, uid=UID + 7, gid=GID + 8), f"belongs to {UID}:{GID}, not {UID + 7}:{GID + 8}"),
        (replace(FILE, sha256="0" * 64), "has other content"),
        (replace(FILE, mode=0o600, sha256="0" * 64), "has mode 0644, not 0600 and has other content"),
        (replace(FILE, path="usr/link"), "is a link, not a file"),
        (replace(LINK, path="usr/file"), "is a file, not a link"),
        (replace(LINK, link="other"), "leads to file, not to other"),
    ],
)
def test_what_is_not_says_how(tree: MergedTree, member: Member, words: str) -> None:
    assert entry_of(tree, member) == words
