"""A checkout in which any file is damaged: commands tell what is wrong, and never have a malfunction."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scs_build.cli.main import main
from scs_build.errors import (
    FormatError,
    ManifestError,
    OfflineError,
    SiteError,
    UnknownNameError,
    VerificationError,
)
from tests.canary.checkout import make_checkout
from tests.unit.manifest.made import make_layout
from tests.unit.mutations import damaged, damaged_json, damaged_yaml

# The codes of wrong inputs.
INPUT = range(10, 18)
READING = (("plan",), ("lock", "--check"), ("why", "canary-python"))
Damage = Callable[[bytes], st.SearchStrategy[bytes]]
# Which files of a checkout there are, and how each suffers.
KINDS: dict[str, tuple[str, Damage]] = {
    "recipe": ("*/*/recipe.yaml", damaged_yaml),
    "lock": ("*/*/lock/2026.1.json", damaged_json),
    "series": ("series/*/series.yaml", damaged_yaml),
    "paths": ("paths.yaml", damaged_yaml),
    "constraints": ("series/*/upper-constraints.txt", damaged),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkout with everything that a real one has."""
    folder = make_checkout(tmp_path_factory.mktemp("damage"))
    for name in ("iaas/keystone", "iaas/mariadb", "iaas/memcached", "series/2025.1"):
        shutil.rmtree(folder / "images" / name)
    return folder


@pytest.fixture(scope="module")
def repository(root: Path) -> Path:
    """The checkout under version control."""
    git(root, "init", "--quiet")
    git(root, "add", "images")
    git(root, "commit", "--quiet", "-m", "sound")
    return root


def git(root: Path, *args: str) -> None:
    who = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org")
    subprocess.run(["git", "-C", root, *who, *args], check=True, capture_output=True)


def call(*args: str) -> tuple[int, str, str]:
    """Run a command in this process; its streams are those of a terminal: UTF-8, and strict."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2)]
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        status = main(args)
    for stream in streams:
        stream.flush()
    said, talked = (stream.buffer.getvalue().decode() for stream in streams)  # type: ignore[attr-defined]
    return status, said, talked


def ends_well(root: Path, *args: str) -> None:
    """The command answers, or it says what is wrong and where."""
    place = ("--root", str(root), "--store", str(root.parent / "store"))
    status, said, talked = call(*args, "--json", *place)
    assert status == 0 or status in INPUT, f"{args}: {status}\n{talked}\n{reports()}"
    if status not in (0, UnknownNameError.exit_code) and "--check" not in args:
        answer = json.loads(said)
        assert answer["where"], answer
    if status:
        assert talked.startswith("error: ")


def reports() -> str:
    """The tracebacks that malfunctions left."""
    import tempfile

    return "\n".join(path.read_text() for path in Path(tempfile.gettempdir()).glob("scs-build-*.log"))


@contextmanager
def changed(path: Path, data: bytes) -> Iterator[None]:
    before = path.read_bytes()
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(before)


@pytest.fixture(autouse=True)
def _own_reports(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("reports")))


def drawn(root: Path, kind: str, choice: st.DataObject) -> tuple[Path, bytes]:
    pattern, damage = KINDS[kind]
    path = choice.draw(st.sampled_from(sorted((root / "images").glob(pattern))))
    return path, choice.draw(damage(path.read_bytes()))


def test_the_checkout_is_sound(repository: Path) -> None:
    for args in (*READING, ("affected", "--base", "HEAD")):
        assert call(*args, "--root", str(repository), "--store", str(repository.parent / "store"))[0] == 0


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=settings().max_examples // 4)
@given(choice=st.data())
def test_reading_a_damaged_checkout(root: Path, kind: str, choice: st.DataObject) -> None:
    path, data = drawn(root, kind, choice)
    with changed(path, data):
        for args in READING:
            ends_well(root, *args)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=settings().max_examples // 10)
@given(choice=st.data())
def test_nothing_is_built_from_a_damaged_checkout(root: Path, kind: str, choice: st.DataObject) -> None:
    """Where the damage is none, the build ends because the artefacts are not there."""
    path, data = drawn(root, kind, choice)
    store = root.parent / "unbuilt"
    args = ("build", "--offline", "-o", str(root.parent / "out"), "--root", str(root), "--store", str(store))
    with changed(path, data):
        status, _, talked = call(*args)
    assert status in (*INPUT, OfflineError.exit_code), f"{status}\n{talked}\n{reports()}"
    assert not any((store / "trees").iterdir() if (store / "trees").exists() else ())
    assert not any((store / "blobs/sha256").iterdir() if (store / "blobs/sha256").exists() else ())


@settings(max_examples=settings().max_examples // 10)
@given(data=damaged_yaml(b"format: 1\ndebian: [https://mirror.example.org/debian]\n"))
def test_nothing_is_built_with_a_damaged_site(root: Path, data: bytes) -> None:
    site = root.parent / "site.yaml"
    site.write_bytes(data)
    place = ("--root", str(root), "--store", str(root.parent / "unbuilt"), "-o", str(root.parent / "out"))
    status, _, talked = call("build", "--offline", "--site", str(site), *place)
    assert status in (SiteError.exit_code, FormatError.exit_code, OfflineError.exit_code), (
        f"{status}\n{talked}\n{reports()}"
    )


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=settings().max_examples // 20)
@given(choice=st.data())
def test_comparing_with_a_damaged_revision(repository: Path, kind: str, choice: st.DataObject) -> None:
    path, data = drawn(repository, kind, choice)
    with changed(path, data):
        ends_well(repository, "affected", "--base", "HEAD")
        git(repository, "commit", "--quiet", "--allow-empty", "--all", "-m", "damaged")
    try:
        ends_well(repository, "affected", "--base", "HEAD")
    finally:
        git(repository, "reset", "--quiet", "--soft", "HEAD~1")


@pytest.mark.parametrize("kind", ["recipe.yaml", "lock/2026.1.json", "files/plain.conf"])
@pytest.mark.parametrize("what", ["missing", "a folder", "a link to itself", "a link to nowhere"])
def test_what_is_no_file(root: Path, kind: str, what: str) -> None:
    path = root / "images/canary/canary-plain" / kind
    aside = path.rename(path.with_name("aside"))
    try:
        if what == "a folder":
            path.mkdir()
        elif what == "a link to itself":
            path.symlink_to(path.name)
        elif what == "a link to nowhere":
            path.symlink_to("/nonexistent")
        for args in (("plan",), ("lock", "--check"), ("why", "canary-plain")):
            ends_well(root, *args)
    finally:
        with contextlib.suppress(FileNotFoundError):
            path.unlink() if path.is_symlink() or path.is_file() else path.rmdir()
        aside.rename(path)


@given(choice=st.data())
@settings(max_examples=settings().max_examples // 2)
def test_verifying_by_a_damaged_manifest(
    tmp_path_factory: pytest.TempPathFactory, choice: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("out")
    manifest = make_layout(folder)
    data = choice.draw(damaged_json(manifest.read_bytes()))
    assert call("verify", "-o", str(folder))[0] == 0
    manifest.write_bytes(data)
    status, said, talked = call("verify", "--json", "-o", str(folder))
    expected = {0, FormatError.exit_code, ManifestError.exit_code, VerificationError.exit_code}
    assert status in expected, f"{status}\n{talked}\n{reports()}"
    if status in (FormatError.exit_code, ManifestError.exit_code):
        where: Any = json.loads(said)["where"]
        assert where.startswith(str(manifest))
