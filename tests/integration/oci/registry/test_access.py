"""Who may and whom we believe: accounts, authorities, no TLS at all; secrets are shown to nobody."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scs_build.engines.tools import ToolsTree
from scs_build.errors import AccessError, AddressError, RegistryError, TrustError
from scs_build.oci.registry.access import Access
from scs_build.oci.registry.address import read_place, read_tag
from scs_build.store.store import Store
from tests.integration.conftest import ROOT, SERIES
from tests.integration.oci.registry.conftest import Said, World
from tests.integration.oci.registry.proxy import Harm, Proxy, in_front_of
from tests.integration.oci.registry.server import (
    Authority,
    Registry,
    free_port,
    htpasswd,
    make_authority,
    serve,
)

Call = Callable[..., Said]


@pytest.fixture
def password() -> str:
    return secrets.token_urlsafe(12)


@pytest.fixture
def closed(registry_tools: ToolsTree, tmp_path: Path, password: str) -> Iterator[Registry]:
    """A registry that only `tester` may use."""
    with serve(registry_tools, tmp_path / "closed", accounts=htpasswd("tester", password)) as running:
        yield running


def login(host: str, password: str, folder: Path) -> Path:
    """Write what `skopeo login` writes."""
    secret = base64.b64encode(f"tester:{password}".encode()).decode()
    path = folder / "auth.json"
    path.write_text(json.dumps({"auths": {host: {"auth": secret}}}))
    return path


def test_who_is_not_logged_in_is_told_how_to(call: Call, world: World, closed: Registry) -> None:
    said = call("push", "base", "--to", f"{closed.host}/scs", "--plain-http", "-o", world.output)
    assert said.status == AccessError.exit_code
    assert f"skopeo login {closed.host}" in said.stderr


def test_credentials_of_the_auth_file_are_used_and_never_shown(
    call: Call, world: World, closed: Registry, password: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = ("--plain-http", "-o", world.output)
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(login(closed.host, password, tmp_path)))
    said = call("push", "base", "--to", f"{closed.host}/scs", *where, "-v")
    assert said.status == 0, said.stderr
    manifest = world.output / f"{SERIES}.json"
    pull = ("pull", "base", "--from", f"{closed.host}/scs", "--plain-http", "--manifest", manifest)
    assert call(*pull, "-o", tmp_path / "pulled").status == 0
    login(closed.host, f"not {password}", tmp_path)
    wrong = call("push", "base", "--to", f"{closed.host}/scs", *where, "-v", "--json")
    assert wrong.status == AccessError.exit_code
    secret = base64.b64encode(f"tester:{password}".encode()).decode()
    for text in (said.stdout, said.stderr, wrong.stdout, wrong.stderr):
        assert password not in text and secret not in text
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "none.json"))
    assert "none.json" in call("push", "base", "--to", f"{closed.host}/scs", *where).stderr


def test_credentials_of_docker_login_are_used(
    world: World, closed: Registry, password: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docker").mkdir()
    login(closed.host, password, tmp_path).rename(tmp_path / "docker/config.json")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    assert not world.push(closed.host, only=("base",)).failures


def test_no_program_has_a_secret_on_its_command_line(
    world: World, closed: Registry, password: str, store: Store, tmp_path: Path
) -> None:
    with in_front_of(closed.host) as proxy:
        proxy.harms.append(Harm("^PATCH ", stall=True))
        environment = {
            **os.environ,
            "SCS_BUILD_STORE": str(store.root),
            "REGISTRY_AUTH_FILE": str(login(proxy.host, password, tmp_path)),
        }
        argv = [sys.executable, "-m", "scs_build", "push", "base", "--to", f"{proxy.host}/scs"]
        options = ["--plain-http", "-o", world.output]
        with subprocess.Popen(
            [*argv, *options], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            assert proxy.stalled.wait(60)
            lines = command_lines(proxy.host)
            process.terminate()
    assert any("skopeo" in line for line in lines)
    secret = base64.b64encode(f"tester:{password}".encode()).decode()
    assert not [line for line in lines if password in line or secret in line]


def command_lines(about: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        if about in text:
            found.append(text)
    return found


def test_what_an_account_may_not_do_is_told(world: World, proxy: Proxy) -> None:
    proxy.harms.append(Harm("^POST ", status=403, body=b'{"errors": [{"code": "DENIED", "message": "no"}]}'))
    error = world.push(proxy.host, only=("base",)).failures["base"]
    assert isinstance(error, AccessError)
    assert "namespace" in str(error)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def secure(registry_tools: ToolsTree, tmp_path: Path, authority: Authority) -> Iterator[Registry]:
    """A registry with TLS, whose authority nobody knows."""
    with serve(registry_tools, tmp_path / "secure", tls=authority) as running:
        yield running


def test_an_unknown_authority_is_told_and_can_be_made_known(
    call: Call, world: World, secure: Registry, authority: Authority, tmp_path: Path
) -> None:
    push = ("push", "base", "--to", f"{secure.host}/scs", "-o", world.output)
    said = call(*push)
    assert said.status == TrustError.exit_code
    assert "--ca FILE" in said.stderr
    assert call(*push, "--ca", authority.ca).status == 0
    folder = tmp_path / "certs.d"
    folder.mkdir()
    shutil.copy(authority.ca, folder / "ca.crt")
    assert call(*push, "--cert-dir", folder).status == 0
    site = tmp_path / "site.yaml"
    site.write_text(f'registries:\n  "{secure.host}": {{ca: {authority.ca}}}\n')
    assert call(*push, "--site", site).status == 0
    assert call(*push, "--ca", authority.key).status == 10
    assert call(*push, "--ca", authority.ca, "--plain-http").status == 2


def test_a_certificate_for_another_name_is_not_accepted(
    registry_tools: ToolsTree, world: World, tmp_path: Path
) -> None:
    other = make_authority(tmp_path / "other", name="DNS:other.example.org")
    world.access = Access(ca=other.ca)
    with serve(registry_tools, tmp_path / "named", tls=other) as running:
        error = world.push(running.host, only=("base",)).failures["base"]
    assert isinstance(error, TrustError)
    assert "name" in str(error.solution)


def test_no_tls_is_an_error_until_somebody_says_so(world: World, registry: Registry) -> None:
    world.access = Access()
    error = world.push(registry.host, only=("base",)).failures["base"]
    assert isinstance(error, TrustError)
    assert "--plain-http" in str(error)


def test_nobody_there_and_somebody_else_there_are_told_apart(world: World, proxy: Proxy) -> None:
    error = world.push(f"127.0.0.1:{free_port()}", only=("base",)).failures["base"]
    assert isinstance(error, RegistryError)
    assert "nothing answers" in str(error)
    proxy.harms.append(Harm("", status=404, body=b"<html>"))
    error = world.push(proxy.host, only=("base",)).failures["base"]
    assert isinstance(error, RegistryError)
    assert "no registry" in str(error)


NEARLY = st.text(alphabet="ab0._-/", min_size=1, max_size=12)
ANYTHING = st.text(alphabet="abz09._-:/@A ", min_size=1, max_size=30)
WORDS = NEARLY | ANYTHING


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(namespace=WORDS, tag=WORDS)
def test_what_is_a_name_to_us_is_one_to_skopeo(
    registry_tools: ToolsTree, nowhere: str, namespace: str, tag: str
) -> None:
    try:
        reference = f"{read_place(f'{nowhere}/{namespace}').repository('base')}:{read_tag(tag)}"
    except AddressError:
        return
    argv = registry_tools.argv("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{reference}")
    said = subprocess.run(argv, capture_output=True, text=True).stderr
    assert "connection refused" in said, (reference, said)


@pytest.fixture(scope="module")
def nowhere() -> str:
    return f"127.0.0.1:{free_port()}"
