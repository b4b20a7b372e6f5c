"""Locking Python requirements with the real uv and an index on loopback."""

from __future__ import annotations

import hashlib
import io
import json
import ssl
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scs_build.errors import FetchError, ResolutionError
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.kinds import INPUTS
from scs_build.inputs.locking import Context, Request
from scs_build.inputs.python.locker import PythonLocker
from scs_build.progress import Silent
from scs_build.recipes.component import Component
from scs_build.recipes.models import DebianChannel, Python, PythonChannel, Recipe, Series
from scs_build.recipes.site import Site
from scs_build.run import run

SERIES = Series(
    format=1, name="2026.1", released="2026-04-01",
    debian=DebianChannel(release="testing", suites=("testing",)),
    python=PythonChannel(version="3.13", manylinux="2_41", prefix="/venv"), constraints="constraints.txt",
    components={"service": "~=2.0"},
)  # fmt: skip
CERTIFICATE = (
    "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
)  # fmt: skip
JSON = "application/vnd.pypi.simple.v1+json"


class Index(ThreadingHTTPServer):
    """A simple index (PEP 691, or PEP 503 with `html`) of files that are added by name."""

    html = False
    broken = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.url = f"http://127.0.0.1:{self.server_port}/simple"

    def wheel(self, name: str, version: str, *requires: str, tag: str = "py3-none-any") -> None:
        stream = io.BytesIO()
        text = _metadata(name, version, requires)
        with zipfile.ZipFile(stream, "w") as archive:
            info = f"{name}-{version}.dist-info"
            archive.writestr(f"{info}/METADATA", text)
            archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
            archive.writestr(f"{info}/RECORD", "")
        self.files[f"{name}-{version}-{tag}.whl"] = stream.getvalue()

    def sdist(self, name: str, version: str) -> None:
        stream, text = io.BytesIO(), _metadata(name, version, ()).encode()
        project = b'[build-system]\nrequires = []\nbuild-backend = "none"\n'
        project += f'[project]\nname = "{name}"\nversion = "{version}"\n'.encode()
        with tarfile.open(fileobj=stream, mode="w:gz") as archive:
            for path, content in (("PKG-INFO", text), ("pyproject.toml", project)):
                member = tarfile.TarInfo(f"{name}-{version}/{path}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        self.files[f"{name}-{version}.tar.gz"] = stream.getvalue()


class Handler(BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        *_, folder, name = self.path.rstrip("/").split("/")
        if folder == "files":
            self._answer(
                None if self.server.broken else self.server.files.get(name), "application/octet-stream"
            )
            return
        found = {f: data for f, data in self.server.files.items() if f.split("-")[0] == name}
        rows = [(f, hashlib.sha256(data).hexdigest(), len(data)) for f, data in found.items()]
        if self.server.html:
            links = "".join(f'<a href="/files/{f}#sha256={digest}">{f}</a>' for f, digest, _ in rows)
            self._answer(links.encode() or None, "text/html")
            return
        files = [
            {"filename": f, "url": f"/files/{f}", "hashes": {"sha256": h}, "size": n} for f, h, n in rows
        ]
        answer = {"meta": {"api-version": "1.1"}, "name": name, "versions": [], "files": files}
        self._answer(json.dumps(answer).encode() if rows else None, JSON)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server asks for

    def _answer(self, data: bytes | None, kind: str) -> None:
        self.send_response(404 if data is None else 200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data or b"")

    def log_message(self, *args: object) -> None:
        pass


def _metadata(name: str, version: str, requires: tuple[str, ...]) -> str:
    lines = [f"Requires-Dist: {text}" for text in requires]
    return "\n".join(["Metadata-Version: 2.2", f"Name: {name}", f"Version: {version}", *lines, ""])


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Index]:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # uv's cache
    index = Index()
    threading.Thread(target=index.serve_forever, daemon=True).start()
    index.wheel("service", "1.9")
    index.wheel("service", "2.1", "library", "native")
    index.wheel("service", "3.0")
    for version in ("1.0", "1.1", "1.2"):
        index.wheel("library", version)
    index.wheel("native", "1", tag="cp313-cp313-manylinux_2_17_x86_64")
    index.wheel("native", "1", tag="cp312-cp312-manylinux_2_17_x86_64")
    index.sdist("source", "1.0")
    index.wheel("builder", "1")
    yield index
    index.shutdown()
    index.server_close()


@pytest.fixture
def locker(index: Index, tmp_path: Path) -> PythonLocker:
    (tmp_path / "constraints.txt").write_text(
        "# comment\nlibrary===1.1\nlibrary===1.0;python_version<'3.10'\n"
    )
    site = Site(python=(index.url,))
    return PythonLocker(Context(SERIES, tmp_path, "linux/amd64", site, tmp_path / "work", Silent()))


def request(*requirements: str, **fields: object) -> Request:
    python = {key: fields.pop(key) for key in ("compile", "build") if key in fields}
    recipe = Recipe(
        format=1,
        kind="container",
        description="An image for tests",
        python=Python(requirements=requirements, **python),
    )  # type: ignore[arg-type]
    return Request(Component("image", "bases", Path(), recipe, b"format: 1\n"), **fields)  # type: ignore[arg-type]


def versions(lines: list[Artefact]) -> dict[str, str]:
    return {line.id: line.version for line in lines}


def test_the_series_its_constraints_and_its_interpreter_decide(locker: PythonLocker) -> None:
    lines = locker.lock(request("Service"))
    assert versions(lines) == {"wheel:library": "1.1", "wheel:native": "1", "wheel:service": "2.1"}
    files = {line.name: line.data for line in lines}
    assert files["native"] == {"file": "native-1-cp313-cp313-manylinux_2_17_x86_64.whl"}
    assert files["service"]["requirement"] == "Service~=2.0"
    assert "127.0.0.1" not in json.dumps([line.to_json() for line in lines])


def test_what_it_locks_passes_its_own_check_and_a_changed_recipe_does_not(locker: PythonLocker) -> None:
    lines = tuple(locker.lock(request("service", build=("builder",))))
    assert locker.check(request("service", build=("builder",), locked=lines)) == []
    assert locker.check(request("service", "source", build=("builder", "other"), locked=lines)) == [
        "source is not in the lock", "other is not in the lock",
    ]  # fmt: skip
    assert "library is locked for another requirement than library==1.1" in locker.check(
        request("service", "library==1.1", build=("builder",), locked=lines)
    )


def test_an_sdist_must_be_named(locker: PythonLocker) -> None:
    with pytest.raises(ResolutionError, match="no usable wheel of source") as error:
        locker.lock(request("source"))
    assert "python.compile" in str(error.value.solution)
    (line,) = locker.lock(request("source", compile=("Source",)))
    assert (line.kind, line.data["file"]) == ("sdist", "source-1.0.tar.gz")


def test_what_parents_hold_is_left_out_and_agrees(locker: PythonLocker) -> None:
    parent = Artefact("wheel", "library", "1.2", "0" * 64, 1)
    lines = locker.lock(request("service", parents=(parent,)))
    assert versions(lines) == {"wheel:native": "1", "wheel:service": "2.1"}


def test_locked_versions_and_files_stay_until_an_upgrade(locker: PythonLocker, index: Index) -> None:
    lines = tuple(locker.lock(request("service")))
    index.wheel("service", "2.2", "library")
    index.wheel("native", "1", tag="cp313-cp313-manylinux_2_28_x86_64")
    assert tuple(locker.lock(request("service", locked=lines))) == lines
    assert versions(locker.lock(request("service", locked=lines, upgrade=True)))["wheel:service"] == "2.2"
    assert versions(locker.lock(request("service", locked=lines, free={"service"})))["wheel:service"] == "2.2"


def test_an_index_that_loses_its_files_is_no_fault_of_the_recipe(locker: PythonLocker, index: Index) -> None:
    index.broken = True
    with pytest.raises(FetchError, match="cannot reach an index"):
        locker.lock(request("service"))


def test_no_solution_is_told_in_the_words_of_uv(locker: PythonLocker) -> None:
    with pytest.raises(ResolutionError, match="library"):
        locker.lock(request("library>=2"))


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
