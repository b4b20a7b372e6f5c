"""Daemons that cannot be used: each says what is wrong and what to do."""

from __future__ import annotations

import hashlib
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from scs_build.engines import daemon, stepimages
from scs_build.errors import DiskFullError, EngineError

VERSION = {"ApiVersion": "1.41", "Version": "20.10.24", "Os": "linux", "Arch": "amd64"}


@contextmanager
def serving(path: Path, version: dict[str, str]) -> Iterator[str]:
    """A server on a socket that answers every question with its version."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(version).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

        def address_string(self) -> str:
            return "-"

    with socketserver.UnixStreamServer(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"unix://{path}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("said", "error"), [
    ({}, ""),
    ({"ApiVersion": "1.40", "Version": "19.03"}, "too old: 19.03"),
    ({"Arch": "arm64"}, "runs on linux/arm64, the images are for linux/amd64"),
])  # fmt: skip
def test_what_the_daemon_says_about_itself(
    said: dict[str, str], error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path / "socket", {**VERSION, **said}) as url:
        monkeypatch.setenv("DOCKER_HOST", url)
        if error:
            with pytest.raises(EngineError, match=error) as caught:
                daemon.connect("linux/amd64")
            assert caught.value.solution
        else:
            daemon.connect("linux/amd64").close()


@pytest.mark.parametrize(("host", "error", "solution"), [
    ("tcp://127.0.0.1:1", "no Docker daemon answers at tcp://127.0.0.1:1", "DOCKER_HOST"),
    ("ssh://user@host", "ssh is not spoken", "ssh -nNT -L"),
    ("nonsense", "no Docker daemon answers at nonsense", "DOCKER_HOST"),
])  # fmt: skip
def test_no_daemon(host: str, error: str, solution: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(EngineError, match=error) as caught:
        daemon.connect("linux/amd64")
    assert solution in str(caught.value.solution)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any configuration of Docker."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".docker").mkdir()
    return tmp_path


@pytest.mark.parametrize("by", ["environment", "file"])
def test_the_current_context_says_where_the_daemon_is(
    by: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home / ".docker/contexts/meta" / hashlib.sha256(b"elsewhere").hexdigest()
    folder.mkdir(parents=True)
    meta = {"Name": "elsewhere", "Metadata": {}, "Endpoints": {"docker": {"Host": "tcp://127.0.0.1:1"}}}
    (folder / "meta.json").write_text(json.dumps(meta))
    (home / ".docker/config.json").write_text("{}")
    if by == "environment":
        monkeypatch.setenv("DOCKER_CONTEXT", "elsewhere")
    else:
        (home / ".docker/config.json").write_text('{"currentContext": "elsewhere"}')
    with pytest.raises(EngineError, match=r"no Docker daemon answers at \w+://127\.0\.0\.1:1"):
        daemon.connect("linux/amd64")


@pytest.mark.parametrize("config", ['{"currentContext": "none"}', '{"currentContext": 3}', "[]"])
def test_a_context_that_is_not_there_is_never_another_daemon(config: str, home: Path) -> None:
    (home / ".docker/config.json").write_text(config)
    with pytest.raises(EngineError, match=r"Docker .*context") as caught:
        daemon.connect("linux/amd64")
    assert "docker context ls" in str(caught.value.solution)


def test_who_may_not_use_the_socket_is_told() -> None:
    refused = ValueError("wrapped", OSError("aborted", PermissionError(13, "no")))
    told = daemon._no_connection("unix:///var/run/docker.sock", refused)
    assert "may not use" in told.reason
    assert "group" in str(told.solution)


def test_a_full_disk_of_the_daemon_is_a_full_disk() -> None:
    assert isinstance(daemon.refusal("write /x: no space left on device"), DiskFullError)
    assert isinstance(daemon.refusal("anything else"), EngineError)


def test_chain_ids_are_those_of_the_image_specification() -> None:
    """The first is the diff id, each other the hash of the one below and its own diff id."""
    first, second = stepimages.chain_ids(["sha256:" + "a" * 64, "sha256:" + "b" * 64])
    assert first == "a" * 64
    assert second == "ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c"


@pytest.mark.parametrize(("used", "old"), [
    ("2020-01-01T00:00:00.000000001Z", True), ("9000-01-01T00:00:00Z", False),
    ("0001-01-01T00:00:00Z", False), ("", False),
])  # fmt: skip
def test_an_image_is_old_when_its_last_use_is(used: str, old: bool) -> None:
    assert stepimages.is_old(used) is old
