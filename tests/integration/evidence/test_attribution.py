"""Every path of every image is explained, in both series."""

from __future__ import annotations

import json

import pytest

from scs_build.evidence.attribution import Attribution
from scs_build.evidence.subject import Subject
from scs_build.store.store import Store
from tests.integration.build import parts
from tests.integration.conftest import ROOT
from tests.integration.evidence.images import ALL, subjects


@pytest.fixture(params=ALL, ids="-".join)
def subject(request: pytest.FixtureRequest) -> Subject:
    series, name = request.param
    return subjects(series)[name]


def test_every_path_is_explained(subject: Subject) -> None:
    outcome = Attribution().run(subject)
    assert outcome.findings == ()
    predicate = outcome.predicate
    assert predicate["table"]["paths"] == predicate["paths"] == len(subject.items)
    assert sum(predicate["explained"].values()) == predicate["paths"]
    # Most of an image are members of artefacts, byte code of them, or directories.
    assert predicate["explained"]["generated"] < 700
    kept = [line for line in predicate["artefacts"] if line["paths"] == 0]
    assert kept == []


def test_a_bill_table_and_licences_are_the_same_for_the_same_image(store: Store) -> None:
    subject = subjects("2026.1")["keystone"]
    fresh = Subject.of(subject.graph, store, "keystone", 1)
    assert Attribution().run(subject).predicate == Attribution().run(fresh).predicate


def test_explain_answers_about_the_real_thing(store: Store) -> None:
    subjects("2026.1")
    paths = [
        "/lib/x86_64-linux-gnu/libc.so.6",
        "/usr/bin/perl",
        "/usr/bin/gcc",
        "/usr/share/doc/libc6/changelog.gz",
    ]
    done = parts.call(store, "explain", "keystone", *paths, "--json", "--offline", root=ROOT)
    assert done.returncode == 0, done.stderr
    libc, perl, gcc, changelog = json.loads(done.stdout)["paths"]
    assert libc["verdict"].startswith("a file of libc6 2.")
    assert libc["facts"]["locked"].startswith("images/bases/debian/lock/2026.1.json:")
    assert perl["verdict"].startswith("perl-base ") and not perl["there"]
    assert gcc["verdict"].startswith("gcc ") and gcc["facts"]["locked"].startswith(
        "images/bases/python-builder/"
    )
    assert changelog["facts"]["rule"].startswith("/usr/share/doc/**/changelog*: ")
