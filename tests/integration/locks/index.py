"""A Python index on loopback: files are added by name, and it misbehaves on request."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

JSON = "application/vnd.pypi.simple.v1+json"
# A build backend in the sdist itself: it needs nothing from an index, so that nothing else stops it.
BACKEND = """\
from pathlib import Path
Path({mark!r}).touch()

def get_requires_for_build_wheel(settings=None):
    return []

def prepare_metadata_for_build_wheel(folder, settings=None):
    Path(folder, "{name}-{version}.dist-info").mkdir()
    Path(folder, "{name}-{version}.dist-info", "METADATA").write_text(
        "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
    return "{name}-{version}.dist-info"
"""
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


class Index(ThreadingHTTPServer):
    """A simple index (PEP 691, or PEP 503 with `html`)."""

    daemon_threads = True
    html = False
    broken = False  # it knows the projects and has lost the files
    status = 0  # what it answers whatever is asked, unless 0
    silent = False  # it takes connections and never answers

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.extra: dict[str, dict[str, object]] = {}  # what the index says of a file beyond the usual
        self.asked: list[str] = []
        self.closing = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/simple"

    def wheel(self, name: str, version: str, *requires: str, tag: str = "py3-none-any") -> None:
        self.files[f"{name}-{version}-{tag}.whl"] = wheel(name, version, *requires, tag=tag)

    def sdist(self, name: str, version: str, files: dict[str, str] | None = None) -> None:
        """Add an sdist; without `files` it holds a PKG-INFO that says it all."""
        self.files[f"{name}-{version}.tar.gz"] = sdist(name, version, files)

    def zipped_sdist(self, name: str, version: str) -> None:
        """Add an sdist in the archive of old projects, with a PKG-INFO that says it all."""
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr(f"{name}-{version}/PKG-INFO", metadata(name, version))
        self.files[f"{name}-{version}.zip"] = stream.getvalue()

    def hostile(self, name: str, version: str, mark: Path) -> None:
        """Add an sdist that touches `mark` when anybody asks its code for metadata; it states none."""
        backend = BACKEND.format(name=name, version=version, mark=str(mark))
        setup = f"from pathlib import Path\nPath({str(mark)!r}).touch()\n"
        self.sdist(name, version, {"backend.py": backend, "pyproject.toml": PROJECT, "setup.py": setup})


def wheel(name: str, version: str, *requires: str, tag: str = "py3-none-any") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = f"{name}-{version}.dist-info"
        archive.writestr(f"{info}/METADATA", metadata(name, version, *requires))
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
    return stream.getvalue()


def sdist(name: str, version: str, files: dict[str, str] | None = None) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for path, text in (files or {"PKG-INFO": metadata(name, version)}).items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return stream.getvalue()


def metadata(name: str, version: str, *requires: str) -> str:
    lines = [f"Requires-Dist: {text}" for text in requires]
    return "\n".join(["Metadata-Version: 2.2", f"Name: {name}", f"Version: {version}", *lines, ""])


@contextmanager
def serving() -> Iterator[Index]:
    index = Index()
    threading.Thread(target=index.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield index
    finally:
        index.closing.set()
        index.shutdown()
        index.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.server.silent:
            self.server.closing.wait(60)
            return
        if self.server.status:
            self.send_error(self.server.status)
            return
        *_, folder, name = self.path.rstrip("/").split("/")
        if folder == "files":
            self._answer(
                None if self.server.broken else self.server.files.get(name), "application/octet-stream"
            )
        else:
            self._project(name)

    def _project(self, name: str) -> None:
        found = {f: data for f, data in self.server.files.items() if f.split("-")[0] == name}
        rows = [(f, hashlib.sha256(data).hexdigest(), len(data)) for f, data in found.items()]
        if self.server.html:
            links = "".join(f'<a href="/files/{f}#sha256={digest}">{f}</a>' for f, digest, _ in rows)
            self._answer(links.encode() or None, "text/html")
            return
        files = [
            {"filename": f, "url": f"/files/{f}", "hashes": {"sha256": h}, "size": n}
            | self.server.extra.get(f, {})
            for f, h, n in rows
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
