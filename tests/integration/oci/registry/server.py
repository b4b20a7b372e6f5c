"""A real registry (docker-registry of the tools tree) on loopback: open, with accounts, or with TLS."""

from __future__ import annotations

import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from scs_build.engines.tools import ToolsTree


@dataclass(frozen=True)
class Registry:
    """Where it answers (`127.0.0.1:PORT`), and the folder of its data and its log."""

    host: str
    folder: Path

    def blob(self, digest: str) -> Path:
        """Return the file of a blob."""
        hexadecimal = digest.removeprefix("sha256:")
        return self.folder / f"data/docker/registry/v2/blobs/sha256/{hexadecimal[:2]}/{hexadecimal}/data"


@dataclass(frozen=True)
class Authority:
    """An authority of our own: its certificate, and a certificate with key that it made for 127.0.0.1."""

    ca: Path
    certificate: Path
    key: Path


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def serve(
    tools: ToolsTree, folder: Path, *, accounts: str | None = None, tls: Authority | None = None
) -> Iterator[Registry]:
    """Run a registry with its data below `folder`; `accounts` is the content of an htpasswd file."""
    folder.mkdir(parents=True, exist_ok=True)
    host = f"127.0.0.1:{free_port()}"
    http: dict[str, object] = {"addr": host, "relativeurls": True, "secret": secrets.token_hex()}
    if tls:
        http["tls"] = {"certificate": str(tls.certificate), "key": str(tls.key)}
    config: dict[str, object] = {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "http": http,
    }
    if accounts:
        (folder / "htpasswd").write_text(accounts)
        config["auth"] = {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}
    (folder / "config.yml").write_text(yaml.safe_dump(config))
    with (folder / "log").open("wb") as log:
        argv = tools.argv("docker-registry", "serve", folder / "config.yml")
        with subprocess.Popen(argv, stdout=log, stderr=log) as process:
            try:
                wait_for(host, process, folder / "log")
                yield Registry(host, folder)
            finally:
                process.kill()


def wait_for(host: str, process: subprocess.Popen[bytes], log: Path) -> None:
    address, _, port = host.partition(":")
    for _ in range(600):
        with socket.socket() as client:
            if client.connect_ex((address, int(port))) == 0:
                return
        assert process.poll() is None, log.read_text()
        time.sleep(0.02)
    raise AssertionError(f"{host} does not answer: {log.read_text()}")


def htpasswd(user: str, password: str) -> str:
    """Return a line of an htpasswd file; bcrypt, the only one that the registry takes, from perl's crypt."""
    # The password is input: as an argument, one that begins with a dash would be an option of perl.
    argv = ["perl", "-e", "print crypt(<STDIN>, q($2b$05$) . substr($ARGV[0], 0, 22))", secrets.token_hex(16)]
    made = subprocess.run(argv, input=password, check=True, capture_output=True, text=True).stdout
    assert made.startswith("$2b$05$")
    return f"{user}:{made}\n"


def make_authority(folder: Path, name: str = "IP:127.0.0.1") -> Authority:
    """Make an authority and a certificate for `name`, with the openssl that ca-certificates brings."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-subj", "/CN=tests", "-days", "2", "-keyout", folder / "ca.key", "-out", folder / "ca.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-subj", "/CN=registry", "-addext", f"subjectAltName={name}", "-days", "2",
         "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
         "-addext", "basicConstraints=critical,CA:FALSE",
         "-keyout", folder / "registry.key", "-out", folder / "registry.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return Authority(folder / "ca.pem", folder / "registry.pem", folder / "registry.key")
