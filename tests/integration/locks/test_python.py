"""Locking Python requirements with the real uv and an index on loopback."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import pytest

from scs_build.errors import FetchError, ResolutionError
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.kinds import INPUTS
from scs_build.inputs.python.locker import PythonLocker
from scs_build.recipes.site import Site
from scs_build.run import run
from tests.integration.locks.conftest import MakeLocker, request, versions
from tests.integration.locks.index import Index

CERTIFICATE = (
    "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
)  # fmt: skip
CONSTRAINTS = "# comment\nlibrary===1.1\nlibrary===1.0;python_version<'3.10'\n"


@pytest.fixture
def locker(index: Index, make_locker: MakeLocker) -> PythonLocker:
    index.wheel("service", "1.9")
    index.wheel(
        "service", "2.1", "library", "native", 'extra; extra == "more"', 'old; python_version < "3.9"'
    )
    index.wheel("service", "3.0")
    for version in ("1.0", "1.1", "1.2"):
        index.wheel("library", version)
    index.wheel("native", "1", tag="cp313-cp313-manylinux_2_17_x86_64")
    index.wheel("native", "1", tag="cp312-cp312-manylinux_2_17_x86_64")
    index.wheel("extra", "1", "library>=1")
    index.sdist("source", "1.0")
    index.wheel("builder", "1")
    return make_locker(index.url, constraints=CONSTRAINTS)


def reasons(locker: PythonLocker, *requirements: str, **fields: object) -> list[str]:
    return [finding.reason for finding in locker.check(request(*requirements, **fields))]


def test_the_series_its_constraints_and_its_interpreter_decide(locker: PythonLocker) -> None:
    lines = locker.lock(request("Service"))
    assert versions(lines) == {"wheel:library": "1.1", "wheel:native": "1", "wheel:service": "2.1"}
    files = {line.name: line.data for line in lines}
    assert files["native"] == {"file": "native-1-cp313-cp313-manylinux_2_17_x86_64.whl", "requires": []}
    assert files["service"]["requirement"] == "Service~=2.0"
    assert files["service"]["requires"] == ["library", "native"]
    assert "127.0.0.1" not in json.dumps([line.to_json() for line in lines])


def test_the_extras_that_are_asked_for_count(locker: PythonLocker) -> None:
    data = {line.name: line.data for line in locker.lock(request("service[more]"))}
    assert data["service"]["extras"] == ["more"]
    assert data["service"]["requires"] == ["extra", "library", "native"]
    assert data["extra"]["requires"] == ["library>=1"]


def test_what_it_locks_passes_its_own_check_and_a_changed_recipe_does_not(locker: PythonLocker) -> None:
    lines = tuple(locker.lock(request("service", build=("builder",))))
    assert reasons(locker, "service", build=("builder",), locked=lines) == []
    assert reasons(locker, "service", "source", build=("builder", "other"), locked=lines) == [
        "the recipe requires source, which is not in the lock",
        "the recipe requires other, which is not in the lock",
    ]
    assert "library is locked for another requirement than library==1.1" in reasons(
        locker, "service", "library==1.1", build=("builder",), locked=lines
    )


def test_an_sdist_must_be_named(locker: PythonLocker) -> None:
    with pytest.raises(ResolutionError, match=r"source==1.0 has no usable wheels") as error:
        locker.lock(request("source"))
    assert "python.compile" in str(error.value.solution)
    (line,) = locker.lock(request("source", compile=("Source",)))
    assert (line.kind, line.data["file"]) == ("sdist", "source-1.0.tar.gz")


def test_what_parents_hold_is_left_out_and_agrees(locker: PythonLocker) -> None:
    parent = Artefact("wheel", "library", "1.2", "0" * 64, 1)
    lines = locker.lock(request("service", parents=(parent,)))
    assert versions(lines) == {"wheel:native": "1", "wheel:service": "2.1"}
    assert reasons(locker, "service", parents=(parent,), locked=tuple(lines)) == []


def test_extras_of_what_a_parent_holds_are_to_be_asked_for_there(locker: PythonLocker) -> None:
    parents = tuple(locker.lock(request("service")))
    with pytest.raises(ResolutionError, match=r"service 2.1 is locked without \[more\]"):
        locker.lock(request("service[more]", parents=parents))


def test_locked_versions_and_files_stay_until_an_upgrade(locker: PythonLocker, index: Index) -> None:
    lines = tuple(locker.lock(request("service")))
    index.wheel("service", "2.2", "library")
    index.wheel("native", "1", tag="cp313-cp313-manylinux_2_28_x86_64")
    assert tuple(locker.lock(request("service", locked=lines))) == lines
    assert versions(locker.lock(request("service", locked=lines, upgrade=True)))["wheel:service"] == "2.2"
    assert versions(locker.lock(request("service", locked=lines, free={"service"})))["wheel:service"] == "2.2"


def test_a_lock_of_the_first_format_gets_its_proof_and_keeps_its_files(locker: PythonLocker) -> None:
    lines = tuple(locker.lock(request("service", build=("builder",))))
    proof = ("requires", "extras")
    old = tuple(
        Artefact.from_json({key: value for key, value in line.to_json().items() if key not in proof})
        for line in lines
    )
    assert reasons(locker, "service", build=("builder",), locked=old) == [
        "library 1.1 does not say what it requires (nor do 2 more): this lock is of an older format; "
        "locking again keeps every version",
        "builder 1 does not say what it requires: this lock is of an older format; "
        "locking again keeps every version",
    ]
    assert tuple(locker.lock(request("service", build=("builder",), locked=old))) == lines


def test_an_index_that_loses_its_files_is_no_fault_of_the_recipe(locker: PythonLocker, index: Index) -> None:
    index.broken = True
    with pytest.raises(FetchError, match="cannot reach an index"):
        locker.lock(request("service"))


def test_no_solution_is_told_in_the_words_of_uv(locker: PythonLocker) -> None:
    with pytest.raises(ResolutionError, match="library") as caught:
        locker.lock(request("library>=2"))
    error = caught.value
    assert error.where and error.where.line == 2
    assert f"library===1.1 ({error.where})" in error.reason
    assert "--python-platform" not in error.reason
    assert error.solution == "mend a constraint, or what is asked for beside it"


def test_a_specifier_of_the_series_holds_for_what_is_only_needed(
    locker: PythonLocker, index: Index, make_locker: MakeLocker
) -> None:
    lines = tuple(make_locker(index.url).lock(request("service")))
    assert versions(lines)["wheel:library"] == "1.2"
    specified = make_locker(index.url, Library="<1.2")
    assert reasons(specified, "service", locked=lines) == ["the series constrains library<1.2, locked is 1.2"]
    again = tuple(specified.lock(request("service", locked=lines)))
    assert versions(again)["wheel:library"] == "1.1"
    assert reasons(specified, "service", locked=again) == []
    assert "requirement" not in {line.name: line.data for line in again}["library"]


def test_a_specifier_and_a_constraint_that_contradict_are_both_told(
    locker: PythonLocker, index: Index, make_locker: MakeLocker
) -> None:
    specified = make_locker(index.url, constraints=CONSTRAINTS, library="~=1.2")
    with pytest.raises(ResolutionError) as caught:
        specified.lock(request("service"))
    assert "library===1.1 (" in caught.value.reason
    assert "library~=1.2 (" in caught.value.reason
    assert make_locker(index.url, library="~=1.2").lock(request("service"))


def test_a_specifier_that_nothing_fulfils_is_told_where_it_stands(
    locker: PythonLocker, index: Index, make_locker: MakeLocker
) -> None:
    with pytest.raises(ResolutionError) as caught:
        make_locker(index.url, library="<1").lock(request("service"))
    assert "\n    library<1 (library)" in caught.value.reason  # where `specified_at` of these tests says


@pytest.mark.parametrize("html", [False, True])
def test_a_file_is_found_again_by_its_hash(locker: PythonLocker, index: Index, html: bool) -> None:
    (line,) = locker.lock(request("library"))
    index.html = html
    site = Site(python=(f"http://127.0.0.1:{index.server_port}/{'html' if html else 'simple'}",))
    (url,) = INPUTS["wheel"].urls(line, site)
    assert url.endswith("/files/library-1.1-py3-none-any.whl")


def test_one_variable_names_a_sites_own_authority(
    locker: PythonLocker, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = locker.lock(request("library"))
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    run([*CERTIFICATE, "-keyout", key, "-out", certificate])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    index.socket = context.wrap_socket(index.socket, server_side=True)
    site = Site(python=(f"https://127.0.0.1:{index.server_port}/simple",))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(FetchError, match="certificate verify failed"):
        list(INPUTS["wheel"].urls(line, site))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert len(list(INPUTS["wheel"].urls(line, site))) == 1


def test_an_index_that_does_not_answer_is_an_error_of_the_infrastructure() -> None:
    line = Artefact("wheel", "library", "1", "0" * 64, 1)
    with pytest.raises(FetchError, match="no Python index answers about library"):
        list(INPUTS["wheel"].urls(line, Site(python=("http://127.0.0.1:9/simple",))))
