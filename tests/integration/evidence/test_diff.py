"""What `scs-build diff` reads from shipped bytes alone is what recipes and locks say of the same images."""

from __future__ import annotations

import pytest

from scs_build.build.build import BuildResult
from scs_build.evidence.compare import Compared, compare
from scs_build.evidence.installed import Installed
from scs_build.evidence.licence_policy import policy_of
from scs_build.evidence.licences import Licences
from scs_build.evidence.subject import Subject
from scs_build.store.store import Store
from tests.integration.conftest import graph_of

IMAGES = ("debian", "python", "mariadb", "memcached", "keystone")


@pytest.mark.parametrize("name", IMAGES)
def test_packages_and_licences_are_those_of_the_locks(name: str, store: Store, built: BuildResult) -> None:
    graph = graph_of()
    subject = Subject.of(graph, store, name)
    installed = Installed(subject.shipped, policy_of(graph.catalogue))
    told = {
        line["id"]: (line["version"], line["licence"])
        for line in Licences().run(subject).predicate["artefacts"]
        if line["id"].startswith(("deb:", "wheel:")) and "/" not in line["id"]
    }
    read = {id_: (package.version, installed.licence(package)) for id_, package in installed.packages.items()}
    assert {id_: read.get(id_) for id_ in told} == told
    assert told


def test_an_image_differs_from_what_it_stands_on_by_what_its_recipe_adds(
    store: Store, built: BuildResult
) -> None:
    graph = graph_of()
    a, b = (Compared(name, Subject.of(graph, store, name).shipped) for name in ("debian", "python"))
    found = compare(a, b, policy_of(graph.catalogue))
    locked = {a.name for a in graph.lock("python").artefacts if a.role == "image"}
    assert {package.name for package in found.packages} == locked
    assert {package.change for package in found.packages} == {"added"}
    assert not [file for file in found.files if file.change == "removed"]
    back = compare(b, a, policy_of(graph.catalogue))
    assert [(f.path, f.change) for f in back.files if f.change != "changed"] == [
        (f.path, "removed") for f in found.files if f.change == "added"
    ]
