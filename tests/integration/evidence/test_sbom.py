"""Bills of the real images: valid, and what dpkg and Python themselves see."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from scs_build.build.packages import STATUS
from scs_build.evidence.bill import compose
from scs_build.evidence.sbom import BillOfMaterials
from scs_build.evidence.spdx import to_spdx
from scs_build.evidence.subject import Subject
from scs_build.store.store import Store
from tests.integration.build import parts
from tests.integration.evidence.images import ALL, SERIES, subjects

LIST = "${Package}\t${Version}\t${source:Package}\t${source:Version}\n"
# Lists what Python sees, and whether every file is what the distribution's own list of files says.
DISTRIBUTIONS = """
import base64, hashlib, json, importlib.metadata
found = []
for each in importlib.metadata.distributions():
    wrong = [
        str(file) for file in each.files if file.hash and file.hash.value !=
        base64.urlsafe_b64encode(hashlib.sha256(file.locate().read_bytes()).digest()).rstrip(b"=").decode()
    ]
    found.append([each.metadata["Name"], each.version, wrong])
print(json.dumps(found))
"""


@pytest.fixture(params=ALL, ids="-".join)
def subject(request: pytest.FixtureRequest) -> Subject:
    series, name = request.param
    return subjects(series)[name]


def components(document: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    for component in document["components"]:
        if component.get("purl", "").startswith(f"pkg:{kind}/"):
            yield {**component, **{each["name"]: each["value"] for each in component["properties"]}}


def test_bills_are_valid_and_whole(subject: Subject, tmp_path: Path) -> None:
    outcome = BillOfMaterials().run(subject)
    assert outcome.findings == ()
    document = dict(outcome.predicate)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is None
    for component in (*components(document, "deb"), *components(document, "pypi")):
        assert component["purl"] and component["licenses"], component["name"]
        assert component.get("hashes") or component["scs-build:bundled-in"], component["name"]
    (tmp_path / "bill.spdx.json").write_text(json.dumps(to_spdx(compose(subject))))
    assert validate_full_spdx_document(parse_file(str(tmp_path / "bill.spdx.json"))) == []


def test_debian_packages_are_those_that_dpkg_sees(subject: Subject, tmp_path: Path) -> None:
    paths = [p for p in subject.items if p.rpartition("/")[0] == STATUS and not p.endswith(".md5sums")]
    stanzas = subject.contents(set(paths))
    (tmp_path / "status").write_bytes(b"\n".join(stanzas[path] for path in paths))
    for folder in ("info", "updates"):
        (tmp_path / folder).mkdir()
    argv = ["dpkg-query", f"--admindir={tmp_path}", "--show", f"--showformat={LIST}"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    seen = {tuple(line.split("\t")) for line in done.stdout.splitlines()}
    listed = set()
    for component in components(dict(BillOfMaterials().run(subject).predicate), "deb"):
        source = [
            component.get(f"aquasecurity:trivy:Src{part}", "") for part in ("Epoch", "Version", "Release")
        ]
        epoch, version, release = source
        whole = (f"{epoch}:" if epoch else "") + version + (f"-{release}" if release else "")
        listed.add((component["name"], component["version"], component["aquasecurity:trivy:SrcName"], whole))
    assert listed == seen and seen


@pytest.mark.parametrize("series", SERIES)
def test_distributions_are_those_that_python_sees(series: str, store: Store) -> None:
    from packaging.utils import canonicalize_name

    subject = subjects(series)["keystone"]
    python = f"{subject.graph.series.python.prefix}/bin/python"
    done = parts.call(
        store, "run", "keystone", "--series", series, "--offline", "--", python, "-c", DISTRIBUTIONS
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [wrong for _, _, wrong in found if wrong] == []
    document = dict(BillOfMaterials().run(subject).predicate)
    listed = {
        (component["name"], component["version"])
        for component in components(document, "pypi")
        if "scs-build:bundled-in" not in component
    }
    assert {(canonicalize_name(name), version) for name, version, _ in found} == listed


def test_what_makers_bundled_is_in_the_bill() -> None:
    document = dict(BillOfMaterials().run(subjects("2026.1")["keystone"]).predicate)
    bundled = {
        c["name"]: c["scs-build:bundled-in"] for c in components(document, "pypi") if "hashes" not in c
    }
    assert bundled["more-itertools"].startswith("setuptools ")


def test_compiled_distributions_name_what_they_were_compiled_from() -> None:
    subject = subjects("2026.1")["keystone"]
    document = dict(BillOfMaterials().run(subject).predicate)
    sdists = {a.name: a.sha256 for a in subject.graph.lock("keystone").of_kind("sdist", "image")}
    found = {
        component["name"]: component["pedigree"]["ancestors"][0]["hashes"][0]["content"]
        for component in components(document, "pypi")
        if "pedigree" in component
    }
    assert found == sdists and set(sdists) == {"python-ldap", "testresources", "uwsgi"}
    tools = {tool["name"] for tool in document["metadata"]["tools"]["components"]}
    assert tools >= {"scs-build", "deflate", "dpkg", "uv", "gcc-14", "libc6-dev", "setuptools"}
    assert "bubblewrap" not in tools


def test_the_same_bill_whatever_the_hash_seed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    subjects("2026.1")
    texts = set()
    for seed in ("1", "2"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        for form in ("cyclonedx", "spdx"):
            done = parts.call(store, "sbom", "mariadb", "--format", form, "--offline")
            assert done.returncode == 0, done.stderr
            texts.add(done.stdout)
    assert len(texts) == 2
