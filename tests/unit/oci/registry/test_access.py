"""Whose certificates count: said on the command line, else by the site, else nobody's in particular."""

from __future__ import annotations

from pathlib import Path

import pytest

from scs_build.errors import InputError
from scs_build.oci.registry.access import (
    BEGIN,
    Access,
    access_to,
    certificate_folder,
    registry_environment,
)
from scs_build.recipes.site import Registry, Site

SITE = Site(
    format=1,
    registries={
        "own.example.org": Registry(ca="/etc/own.pem", certificates=None, plain_http=False),
        "localhost:5000": Registry(ca=None, certificates=None, plain_http=True),
    },
)


def test_what_is_said_counts_before_what_the_site_says() -> None:
    assert access_to("own.example.org", SITE, Access()) == Access(ca=Path("/etc/own.pem"))
    assert access_to("localhost:5000", SITE, Access()) == Access(plain_http=True)
    assert access_to("localhost", SITE, Access()) == Access()
    said = Access(certificates=Path("/certs"))
    assert access_to("own.example.org", SITE, said) == said


def test_a_file_becomes_the_folder_that_skopeo_wants(tmp_path: Path) -> None:
    ca = tmp_path / "own.pem"
    ca.write_bytes(BEGIN + b"\nx\n")
    folder = certificate_folder(Access(ca=ca), tmp_path)
    assert folder is not None
    assert [path.name for path in folder.iterdir()] == ["ca.crt"]
    assert certificate_folder(Access(certificates=tmp_path), tmp_path) == tmp_path
    assert certificate_folder(Access(), tmp_path) is None


def test_what_is_no_certificate_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        certificate_folder(Access(ca=tmp_path / "none"), tmp_path)
    (tmp_path / "key").write_text("-----BEGIN PRIVATE KEY-----")
    with pytest.raises(InputError, match="holds no certificate"):
        certificate_folder(Access(ca=tmp_path / "key"), tmp_path)


def test_skopeo_learns_where_credentials_are_and_nothing_else_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = tmp_path / "auth.json"
    auth.write_text("{}")
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(auth))
    monkeypatch.setenv("MY_PASSWORD", "secret")
    environment = registry_environment()
    assert environment["REGISTRY_AUTH_FILE"] == str(auth)
    assert "MY_PASSWORD" not in environment
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "none"))
    with pytest.raises(InputError, match="no such file"):
        registry_environment()
