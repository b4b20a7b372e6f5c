"""The evidence index: whose statements it names, what a new build keeps, what verification finds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scs_build.canonical import sha256_bytes
from scs_build.errors import ManifestError
from scs_build.evidence.check import Finding
from scs_build.evidence.publish import statement_path
from scs_build.evidence.statement import Statement
from scs_build.evidence.task import Verdict
from scs_build.manifest.evidence import verify_evidence, with_evidence_of, with_verdicts
from scs_build.manifest.manifest import Manifest, content_digest, read_manifest, write_manifest
from tests.unit.manifest.test_manifest import CONTENT, Content

KIND = "https://example.org/v1"


def manifest(**digests: str) -> Manifest:
    """Return a manifest of images whose digests are one hexadecimal digit, repeated."""
    (image,) = CONTENT["images"]  # type: ignore[misc]
    images = [{**image, "name": name, "digest": f"sha256:{digit * 64}"} for name, digit in digests.items()]
    content = Content.model_validate({**CONTENT, "images": images})
    return Manifest(format=1, digest=content_digest(content), content=content)


def verdict(image: str, digit: str, check: str = "smoke", predicate: object = 1, ok: bool = True) -> Verdict:
    digest = f"sha256:{digit * 64}"
    data = Statement(image, digest, KIND, {"value": predicate}).to_bytes()
    findings = () if ok else (Finding("a", "b", "c"),)
    return Verdict(image, digest, check, KIND, f"sha256:{sha256_bytes(data)}", findings, 0.1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for image in ("a", "b"):
        put(tmp_path, verdict(image, image), 1)
    return tmp_path


def put(folder: Path, said: Verdict, predicate: object) -> None:
    path = statement_path(folder, said.digest, said.check, said.statement)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(Statement(said.image, said.digest, KIND, {"value": predicate}).to_bytes())


@pytest.fixture
def indexed() -> Manifest:
    return with_verdicts(manifest(a="a", b="b"), [verdict("b", "b"), verdict("a", "a")])


def test_the_index_is_sorted_and_the_content_is_untouched(indexed: Manifest) -> None:
    assert [(entry.image, entry.check, entry.ok) for entry in indexed.evidence] == [
        ("a", "smoke", True), ("b", "smoke", True),
    ]  # fmt: skip
    assert (indexed.content, indexed.digest) == (
        manifest(a="a", b="b").content,
        manifest(a="a", b="b").digest,
    )


def test_a_newer_verdict_replaces_an_older_one_and_others_stay(indexed: Manifest) -> None:
    new = with_verdicts(indexed, [verdict("a", "a", predicate=2, ok=False), verdict("a", "a", "sbom")])
    assert [(entry.image, entry.check, entry.ok) for entry in new.evidence] == [
        ("a", "sbom", True), ("a", "smoke", False), ("b", "smoke", True),
    ]  # fmt: skip
    assert new.evidence[1].digest != indexed.evidence[0].digest


def test_verdicts_about_other_images_are_left_out() -> None:
    found = with_verdicts(manifest(a="a"), [verdict("b", "b"), verdict("a", "c")])
    assert found.evidence == ()


def test_a_new_build_keeps_what_is_known_of_images_that_stayed_the_same(indexed: Manifest) -> None:
    kept = with_evidence_of(manifest(a="a", b="c", d="d"), indexed)
    assert [entry.image for entry in kept.evidence] == ["a"]


def test_a_manifest_with_evidence_is_read_as_it_was_written(indexed: Manifest, tmp_path: Path) -> None:
    write_manifest(indexed, tmp_path / "m.json")
    assert read_manifest(tmp_path / "m.json") == indexed


@pytest.mark.parametrize(
    "change", [{"image": "../a"}, {"check": "a/b"}, {"digest": "x"}, {"ok": None}, {"more": 1}]
)
def test_a_line_of_the_index_is_read_strictly(
    indexed: Manifest, tmp_path: Path, change: dict[str, Any]
) -> None:
    value = indexed.model_dump(mode="json")
    value["evidence"][0] |= change
    (tmp_path / "m.json").write_text(json.dumps(value))
    with pytest.raises(ManifestError, match=rf"evidence\[0\].*{next(iter(change))}"):
        read_manifest(tmp_path / "m.json")


def test_statements_that_are_as_the_index_says_have_no_problem(indexed: Manifest, folder: Path) -> None:
    assert verify_evidence(indexed, folder) == []


def changed(path: Path, **values: str) -> bytes:
    statement = Statement.from_bytes(path.read_bytes())
    return Statement(**{**vars(statement), **values}).to_bytes()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (lambda path: b"", "has the digest sha256:e3b0c442"),
        (lambda path: changed(path, predicate_type="x"), "has the digest"),
        (lambda path: None, "cannot be read: No such file"),
    ],
)
def test_a_statement_that_is_not_the_one_that_the_index_names(
    indexed: Manifest, folder: Path, data: Callable[[Path], bytes | None], words: str
) -> None:
    path = statement_path(folder, f"sha256:{'b' * 64}", "smoke", indexed.evidence[1].digest)
    content = data(path)
    path.unlink() if content is None else path.write_bytes(content)
    (problem,) = verify_evidence(indexed, folder)
    assert problem.startswith(f"b: smoke: the statement {path} ")
    assert words in problem


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (lambda path: b"[]", "is not a statement about one image"),
        (lambda path: changed(path, digest="sha256:" + "0" * 64), "is about sha256:000000"),
        (lambda path: changed(path, name="other"), f"says {KIND} of other"),
        (lambda path: changed(path, predicate_type="x"), "says x of b"),
    ],
)
def test_an_index_that_names_a_statement_about_something_else(
    indexed: Manifest, folder: Path, data: Callable[[Path], bytes], words: str
) -> None:
    old = indexed.evidence[1]
    content = data(statement_path(folder, f"sha256:{'b' * 64}", "smoke", old.digest))
    entry = old.model_copy(update={"digest": f"sha256:{sha256_bytes(content)}"})
    statement_path(folder, f"sha256:{'b' * 64}", "smoke", entry.digest).write_bytes(content)
    forged = indexed.model_copy(update={"evidence": (indexed.evidence[0], entry)})
    (problem,) = verify_evidence(forged, folder)
    assert words in problem


def test_evidence_of_an_image_that_the_manifest_has_not(indexed: Manifest, folder: Path) -> None:
    only = manifest(a="a").model_copy(update={"evidence": indexed.evidence})
    assert verify_evidence(only, folder) == ["b: smoke: the manifest has no such image"]


def test_what_is_said_of_two_images_or_by_two_rules_does_not_get_in_the_way(
    folder: Path, indexed: Manifest
) -> None:
    """A layer of recipes makes another image of the same name, or judges the same one by its own policy."""
    for said, predicate in ((verdict("b", "c", predicate=2), 2), (verdict("b", "b", predicate=3), 3)):
        put(folder, said, predicate)
        other = with_verdicts(manifest(b=said.digest[-1]), [said])
        assert verify_evidence(other, folder) == []
    assert verify_evidence(indexed, folder) == []
