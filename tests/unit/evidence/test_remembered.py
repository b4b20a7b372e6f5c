"""A whole answer is known again as long as every file, image, statement and the manifest are the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scs_build.evidence.remembered import Answer, mark_of, remember, remembered
from scs_build.plan.history import NOTHING
from scs_build.store.store import Store

ASKED = {"series": "2026.1", "images": ()}
KEY = "a" * 64


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "store")
    made.put_record(KEY, {"result": "x", "uses": NOTHING})
    return made


@pytest.fixture
def answer(store: Store) -> Answer:
    statement = f"sha256:{store.add_bytes(b'a statement')}"
    return {"series": "2026.1", "verdicts": [{"image": "a", "statement": statement, "seconds": 1.5}]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in ("images/a/recipe.yaml", "policy/hardening.yaml"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("one")
    (tmp_path / "manifest").write_text("{}")
    return tmp_path


def test_an_answer_is_known_again_and_took_no_time(store: Store, answer: Answer, root: Path) -> None:
    mark = mark_of(root, ASKED)
    assert remembered(store, mark, root / "manifest") is None
    remember(store, mark, answer, [KEY], root / "manifest")
    line = {**answer["verdicts"][0], "seconds": 0.0}
    assert remembered(store, mark_of(root, ASKED), root / "manifest") == {**answer, "verdicts": [line]}


@pytest.mark.parametrize("path", ["images/a/recipe.yaml", "policy/hardening.yaml", "images/b"])
def test_any_file_is_part_of_the_question(root: Path, path: str) -> None:
    before = mark_of(root, ASKED)
    (root / path).write_text("two")
    assert mark_of(root, ASKED) != before
    assert mark_of(root, {**ASKED, "images": ("a",)}) != mark_of(root, ASKED)


def damage(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"another")


@pytest.mark.parametrize(
    "change",
    [
        lambda store, answer, root: damage(store.blob(answer["verdicts"][0]["statement"])),
        lambda store, answer, root: store.blob(answer["verdicts"][0]["statement"]).unlink(),
        lambda store, answer, root: store.record_path(KEY).unlink(),
        lambda store, answer, root: (root / "manifest").write_text("{} "),
        lambda store, answer, root: (root / "manifest").unlink(),
    ],
)
def test_what_an_answer_is_about_must_be_there(
    store: Store, answer: Answer, root: Path, change: Callable[[Store, Answer, Path], None]
) -> None:
    mark = mark_of(root, ASKED)
    remember(store, mark, answer, [KEY], root / "manifest")
    change(store, answer, root)
    assert remembered(store, mark, root / "manifest") is None


def test_layers_are_part_of_the_mark(root: Path, tmp_path: Path) -> None:
    layer = tmp_path / "layer"
    (layer / "policy").mkdir(parents=True)
    (layer / "layer.yaml").write_text("one\n")
    marks = {mark_of(root, ASKED), mark_of(root, ASKED, (layer,))}
    (layer / "policy/hardening.yaml").write_text("one\n")
    assert len(marks | {mark_of(root, ASKED, (layer,))}) == 3
