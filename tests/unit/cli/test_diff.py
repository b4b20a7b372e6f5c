"""`scs-build diff`, called as a person calls it, on small images made of real artefacts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scs_build.errors import DifferenceError, FormatError, ManifestError, UnknownNameError, VerificationError
from scs_build.evidence.subject import Subject
from scs_build.oci.entry import Entry
from scs_build.oci.layout import blob_path, write_layout
from scs_build.store.store import Store
from tests.unit.cli.conftest import Said
from tests.unit.evidence.made import SITE, Made, metadata

Call = Callable[..., Said]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


@pytest.fixture
def ask(call: Call, made: Made) -> Call:
    def run(*args: str) -> Said:
        return call("diff", *args, "--root", str(made.root), "--store", str(made.store.root))

    return run


def changed(made: Made) -> tuple[Subject, Subject]:
    """Return an image and another one: a distribution newer and with another licence, files of the recipe."""
    before = made.subject()
    made.app["app-1.0.dist-info/METADATA"] = metadata("app", "1.1", "License-Expression: Apache-2.0 OR MIT")
    made.app["app/__init__.py"] = b"print('application')\n"
    record = f"{SITE}/app-1.0.dist-info/RECORD"
    sets = [Entry(record, "file", 0o644, content=b"app/__init__.py,,\napp-1.0.dist-info/METADATA,,\n")]
    sets += [
        Entry("etc/app/app.ini", "file", 0o600, content=b"series = 2026.1\n"),
        Entry("etc/app/new", "link", 0o777, link="app.ini"),
    ]
    return before, made.subject(*sets, without=("etc/alpha.cache",))


def whole(said: Said) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def test_an_image_is_equal_to_itself(ask: Call, made: Made) -> None:
    subject = made.subject()
    said = ask("app", subject.digest)
    assert (said.status, said.stderr) == (0, "")
    assert said.stdout.endswith("\nthe same image, bit by bit\n")
    found = whole(ask("app", subject.digest, "--json"))
    assert (found["equal"], found["files"], found["a"]["packages"]) == (True, [], 5)


def test_what_differs_is_told_by_group(ask: Call, made: Made) -> None:
    before, after = changed(made)
    said = ask(before.digest, "app", "--json")
    assert said.status == DifferenceError.exit_code
    found = whole(said)
    assert (found["a"]["digest"], found["b"]["digest"]) == (before.digest, after.digest)
    (package,) = found["packages"]
    assert (package["kind"], package["name"], package["change"]) == ("wheel", "app", "changed")
    assert (package["before"], package["after"]) == ("1.0", "1.1")
    assert (package["licence_before"], package["licence_after"]) == ("MIT", "Apache-2.0 OR MIT")
    assert found["licences"] == [], "another distribution has the licence already"
    files = {file["path"]: file for file in found["files"]}
    assert files["/etc/app/app.ini"]["what"] == ["mode"]
    assert (files["/etc/app/app.ini"]["before"]["mode"], files["/etc/app/app.ini"]["after"]["mode"]) == (
        "0644", "0600",
    )  # fmt: skip
    assert (files["/etc/app/new"]["change"], files["/etc/app/new"]["after"]["link"]) == ("added", "app.ini")
    assert files["/etc/alpha.cache"]["change"] == "removed"
    assert files[f"/{SITE}/app/__init__.py"]["by"] == "wheel:app"
    assert found["configuration"] == []
    titles = [layer["title"] for layer in found["layers"]]
    assert titles == [
        "scs-build packages of base", "scs-build venv of app", "scs-build files of app",
        "scs-build system of app",
    ]  # fmt: skip


def test_the_json_is_as_its_schema_says(ask: Call, call: Call, made: Made) -> None:
    before, _ = changed(made)
    schema = whole(call("schema", "diff"))
    jsonschema.validate(whole(ask(before.digest, "app", "--json")), schema)
    assert schema["$id"] == "urn:scs-build:schema:diff:1"


def test_the_text_has_the_summary_first(ask: Call, made: Made) -> None:
    before, _ = changed(made)
    text = ask(before.digest, "app").stdout
    assert text.splitlines()[4].startswith(
        "1 package (1 changed); 6 files (1 added, 1 removed, 4 changed); 4 layers"
    )
    assert "  ~  wheel  app  1.0 -> 1.1  ~2  MIT -> Apache-2.0 OR MIT\n" in text
    assert "__init__.py" not in text
    assert "__init__.py" in ask(before.digest, "app", "--files").stdout


def test_the_attribution_says_who_brought_what_no_package_lists(ask: Call, made: Made) -> None:
    cache = Entry("etc/alpha.cache", "file", 0o644, content=b"another cache\n")
    before = made.subject()
    made.subject(cache)
    (file,) = whole(ask(before.digest, "app", "--json"))["files"]
    assert (file["path"], file["by"], file["what"]) == ("/etc/alpha.cache", "alpha", ["content"])
    assert not whole(ask("app", before.digest, "--json"))["files"][0]["by"], "of a digest no recipe is known"


def test_a_package_that_came_or_went(ask: Call, made: Made) -> None:
    before = made.subject()
    status = "var/lib/dpkg/status.d/beta"
    made.subject(without=(status, f"{status}.md5sums", "usr/lib/beta.txt"))
    (gone,) = whole(ask(before.digest, "app", "--json"))["packages"]
    assert (gone["name"], gone["change"], gone["before"], gone["after"]) == ("beta", "removed", "1.1", None)
    assert gone["licence_before"] == "GPL-2.0-or-later", "its folder of documents is that of alpha"
    assert gone["files"] == {"removed": 3}


def layout(made: Made, folder: Path, *digests: str) -> Path:
    write_layout(made.store, folder, {f"app:{number}": digest for number, digest in enumerate(digests)})
    return folder


def test_images_of_layouts(ask: Call, made: Made, tmp_path: Path) -> None:
    before, after = changed(made)
    both = layout(made, tmp_path / "both", before.digest, after.digest)
    store = made.store
    made.store = Store(tmp_path / "empty")  # nothing of the images is in it
    said = ask(f"{both}:app:0", f"{both}:app:1", "--json")
    assert said.status == DifferenceError.exit_code
    assert [whole(said)[side]["digest"] for side in "ab"] == [before.digest, after.digest]
    made.store = store
    one = layout(made, tmp_path / "one", before.digest)
    assert ask(f"{one}", f"{both}:app:0").status == 0
    said = ask(f"{both}", "app")
    assert said.status == UnknownNameError.exit_code
    assert f"write {both}:REF; it holds app:0, app:1" in said.stderr


def test_a_damaged_layout_is_told(ask: Call, made: Made, tmp_path: Path) -> None:
    before, _ = changed(made)
    folder = layout(made, tmp_path / "one", before.digest)
    made.store = Store(tmp_path / "empty")
    layer = blob_path(folder, before.shipped.manifest["layers"][0]["digest"])
    data = layer.read_bytes()
    layer.unlink()
    layer.write_bytes(data[:-9])
    said = ask(f"{folder}", f"{folder}")
    assert (said.status, str(layer) in said.stderr) == (VerificationError.exit_code, True)
    layer.unlink()
    said = ask(f"{folder}", f"{folder}")
    assert (said.status, "a layer of the image is missing" in said.stderr) == (
        VerificationError.exit_code,
        True,
    )


def manifest(path: Path, digest: str, **more: object) -> Path:
    content = {
        "series": "2026.1",
        "platform": "linux/amd64",
        "images": [
            {"name": "app", "digest": digest, "key": "0" * 64, "locks": {}, "unpacked_bytes": 0, "layers": []}
        ],
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"format": 1, "digest": f"sha256:{'0' * 64}", "content": content, **more}))
    return path


def test_images_of_manifests(ask: Call, made: Made, tmp_path: Path) -> None:
    before, after = changed(made)
    old, new = manifest(tmp_path / "old.json", before.digest), manifest(tmp_path / "new.json", after.digest)
    assert ask(f"{new}:app", "app").status == 0
    found = whole(ask(f"{old}:app", f"{new}", "--json"))
    assert [found[side]["digest"] for side in "ab"] == [before.digest, after.digest]
    layout(made, tmp_path / "oci", before.digest)
    shutil.rmtree(made.store.root / "blobs")
    made.store = Store(tmp_path / "empty")
    assert ask(f"{old}:app", f"{old}:app").status == 0, "the layout lies beside the manifest"


@pytest.mark.parametrize(
    ("operand", "code", "words"),
    [
        ("ap", UnknownNameError, "ap"),
        ("app@1999.9", UnknownNameError, "1999.9"),
        (f"sha256:{'0' * 64}", UnknownNameError, "the store holds no image"),
        ("nowhere.json:app", ManifestError, "no such manifest"),
        ("./nowhere", VerificationError, "no OCI layout"),
        ("{old}:ap", UnknownNameError, "names no image ap"),
        ("{newer}:app", FormatError, "newer"),
    ],
)
def test_what_is_not_there(
    operand: str, code: type[Any], words: str, ask: Call, made: Made, tmp_path: Path
) -> None:
    digest = made.subject().digest
    old = manifest(tmp_path / "old.json", digest)
    newer = manifest(tmp_path / "newer.json", digest, format=2)
    said = ask(operand.format(old=old, newer=newer), "app")
    assert (said.status, said.stdout) == (code.exit_code, "")
    assert words in said.stderr
