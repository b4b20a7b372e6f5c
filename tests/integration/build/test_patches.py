"""Patches on what is compiled and on what is unpacked, with the real engine: applied once, or an error."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from scs_build.build.build import BuildResult
from scs_build.errors import ScsBuildError
from scs_build.evidence.answers import Answers
from scs_build.evidence.attribution import attribute
from scs_build.evidence.bill import compose
from scs_build.evidence.cyclonedx import to_cyclonedx
from scs_build.evidence.subject import Subject
from scs_build.inputs.artefact import Artefact
from scs_build.locks.files import lock_path, write_lock
from scs_build.locks.models import Lock
from scs_build.plan.history import built_here, last_facts
from scs_build.plan.reasons import reasons_for
from scs_build.store.store import Store
from tests.integration.build.test_inputs import Upstream, build, lock, own, root, upstream
from tests.integration.conftest import PLATFORM, ROOT, SERIES, build_images, graph_of

__all__ = ["own", "root", "upstream"]

HEAD = """\
Description: says something else
CVE: CVE-2026-12345
Upstream: https://git.example.org/change/1
Merged-In: {merged}

"""
TREE = "images/iaas/upper/patches/2026.1/tree/0001-data.patch"
CHANGE = """\
--- a/data
+++ b/data
@@ -1 +1,2 @@
-data
+patched
+data
--- /dev/null
+++ b/more
@@ -0,0 +1 @@
+new
--- a/share/man/page.1
+++ /dev/null
@@ -1 +0,0 @@
-a page
"""


def write(root: Path, path: str, diff: str, merged: str = "not yet") -> Path:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(HEAD.format(merged=merged) + diff)
    return target


def contents(store: Store, digest: str) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(store.read_bytes(digest)))) as archive:
        return {i.name: file.read() for i in archive if i.isfile() and (file := archive.extractfile(i))}


def test_a_git_tree_is_patched_once(root: Path, own: Store, upstream: Upstream, tmp_path: Path) -> None:
    lock(root, own, tmp_path)
    plain = build(root, own)
    write(root, TREE, CHANGE)
    graph = graph_of(root)
    step = next(step for step in graph.image("upper").needs if step.name == "files:upper")
    assert last_facts(own, SERIES, step) is not None
    assert reasons_for(own, SERIES, step, built_here(own, graph)) == ["patch changed: tree/0001-data"]
    image = build(root, own)
    before, after = (contents(own, made.record["layers"][-2]["digest"]) for made in (plain, image))
    assert after["usr/share/tree/data"] == b"patched\ndata\n"
    assert after["usr/share/tree/more"] == b"new\n"
    assert before.keys() ^ after.keys() == {"usr/share/tree/more", "usr/share/tree/share/man/page.1"}
    assert build(root, own).digest == image.digest
    found = attribute(Subject.of(graph, own, "upper"))
    assert found.findings == ()
    answers = [Answers(found).about(f"/usr/share/tree/{path}") for path in ("data", "share/man/page.1")]
    assert [answer.verdict for answer in answers] == [
        "a file of tree 3.0, changed by the patch 0001-data",
        "tree 3.0 has it; the patch 0001-data removes it",
    ]
    assert all(answer.facts["patch 0001-data"].startswith(f"{TREE}: mends CVE-2026") for answer in answers)


@pytest.mark.parametrize(
    ("diff", "merged", "reason", "line"),
    [
        (CHANGE.replace("-data", "-other"), "not yet", "hunk 1 of data does not apply", 8),
        ("--- a/data\n+++ b/data\n@@ -1 +1 @@\n-old\n+data\n", "not yet", "applied to already", 8),
        (CHANGE, "2.9", "locked to 3.0, which has the change since 2.9", 4),
    ],
)
def test_one_that_does_not_fit_is_an_error_at_its_place(
    root: Path, own: Store, upstream: Upstream, tmp_path: Path, diff: str, merged: str, reason: str, line: int
) -> None:
    lock(root, own, tmp_path)
    build(root, own)  # else the steps beside it would still run when the error is there
    write(root, TREE, diff, merged)
    with pytest.raises(ScsBuildError) as caught:
        raise next(iter(build_images(own, ("upper",), root).failures.values()))
    assert reason in caught.value.reason
    assert str(caught.value.where) == f"{TREE}:{line}"


TINY = """\
format: 1
kind: container
description: a distribution with C code, for tests
parent: python
builder: python-builder
python: {requirements: [tiny], compile: [tiny], build: [setuptools]}
"""
SOURCES = {
    "setup.py": "from setuptools import Extension, setup\n"
    "setup(name='tiny', version='1.0', py_modules=['tiny'], ext_modules=[Extension('_tiny', ['tiny.c'])])\n",
    "tiny.py": "from _tiny import word\n",
    "PKG-INFO": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
    "tiny.c": """\
#include <Python.h>
static PyObject *word(PyObject *self, PyObject *args) { return PyUnicode_FromString(WORD); }
static PyMethodDef methods[] = {{"word", word, METH_NOARGS, ""}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_tiny", "", -1, methods};
PyMODINIT_FUNC PyInit__tiny(void) { return PyModule_Create(&module); }
""",
}
# Without it the sources do not compile: what comes out was patched before.
DEFINE = '--- a/tiny.c\n+++ b/tiny.c\n@@ -1 +1,2 @@\n #include <Python.h>\n+#define WORD "patched-word"\n'
ONCE = "--- a/tiny.py\n+++ b/tiny.py\n@@ -1 +1,2 @@\n from _tiny import word\n+TWICE = word() * 2\n"


def sdist(store: Store, folder: Path, kind: str) -> Artefact:
    path = folder / f"tiny-1.0.{kind}"
    if kind == "zip":  # as old projects have it: with a folder of its own, and no modes
        with zipfile.ZipFile(path, "w") as zipped:
            for name, text in {"": "", **SOURCES}.items():
                zipped.writestr(zipfile.ZipInfo(f"tiny-1.0/{name}"), text)
    else:
        with tarfile.open(path, "w:gz") as archive:
            for name, text in SOURCES.items():
                info = tarfile.TarInfo(f"tiny-1.0/{name}")
                info.size, info.mtime = len(text), 1577836800
                archive.addfile(info, io.BytesIO(text.encode()))
    digest, size = store.add_file(path), store.blob(store.add_file(path)).stat().st_size
    return Artefact("sdist", "tiny", "1.0", digest, size, "image", {"file": path.name, "requires": []})


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_an_sdist_is_patched_before_it_is_compiled(
    checkout: Path, store: Store, built: BuildResult, tmp_path: Path, kind: str
) -> None:
    folder = checkout / "images/iaas/tiny"
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text(TINY)
    for number, diff in enumerate((DEFINE, ONCE), 1):
        write(folder, f"patches/{SERIES}/tiny/{number:04}-change.patch", diff)
    tools = [a for a in graph_of().lock("keystone").of_kind("wheel", "build") if a.name == "setuptools"]
    lines = (sdist(store, tmp_path, kind), *tools)
    write_lock(lock_path(folder, SERIES), Lock("tiny", SERIES, PLATFORM, lines))
    result = build_images(store, ("tiny",), checkout)
    assert not result.failures, result.failures
    made = [contents(store, layer["digest"]) for layer in result.images[0].record["layers"]]
    files = {Path(path).name: data for layer in made for path, data in layer.items() if "tiny" in path}
    assert files["tiny.py"] == b"from _tiny import word\nTWICE = word() * 2\n"
    assert any(b"patched-word" in data for name, data in files.items() if name.endswith(".so"))
    found = attribute(Subject.of(graph_of(checkout), store, "tiny"))
    assert found.findings == ()
    patched = {Path(path).name: row for path, row in found.rows.items() if row.patches}
    by = {name.partition(".")[0]: [patch.name for patch in row.patches] for name, row in patched.items()}
    assert by == {"tiny": ["0002-change"], "_tiny": ["0001-change", "0002-change"]}
    assert {row.kind for row in patched.values()} == {"artefact", "bytecode"}
    source = next(f"/{path}" for path in found.rows if path.endswith("/tiny.py"))
    verdict = Answers(found).about(source).verdict
    assert verdict == "a file of tiny 1.0, changed by the patch 0002-change"
    shutil.copytree(ROOT / "policy", checkout / "policy")
    bill = to_cyclonedx(compose(Subject.of(graph_of(checkout), store, "tiny")))
    (pedigree,) = (each["pedigree"] for each in bill["components"] if each["name"] == "tiny")
    assert len(pedigree["patches"]) == 2 and pedigree["ancestors"][0]["hashes"]
    facts = graph_of(checkout).image("tiny").closure()["wheel:tiny:tiny"].facts
    assert {name for name in facts if name.startswith("patch:")} == {
        "patch:tiny/0001-change",
        "patch:tiny/0002-change",
    }
