from pathlib import Path

import pytest
import requests

from scs_build.web import new_session, reason_of, shown


def bundle_in_use() -> object:
    with new_session() as session:
        return session.merge_environment_settings("https://example.org/", {}, True, None, None)["verify"]


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "bundle.pem"
    path.touch()
    return str(path)


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_sites_ca_bundle_is_honoured(bundle: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bundle_in_use() is True
    monkeypatch.setenv(name, bundle)
    assert bundle_in_use() == bundle


def test_the_sites_proxy_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example.org:3128")
    with new_session() as session:
        settings = session.merge_environment_settings("https://example.org/", {}, True, None, None)
    assert settings["proxies"]["https"] == "http://proxy.example.org:3128"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://user:secret@example.org:8443/a/b?token=secret#x", "https://example.org:8443/a/b"),
        ("file:///srv/a", "file:///srv/a"),
    ],
)
def test_addresses_are_shown_without_secrets(url: str, text: str) -> None:
    assert shown(url) == text


def test_a_status_is_told_without_the_address() -> None:
    answer = requests.Response()
    answer.status_code, answer.reason, answer.url = (
        503,
        "Service Unavailable",
        "https://me:secret@example.org/",
    )
    with pytest.raises(requests.HTTPError) as caught:
        answer.raise_for_status()
    assert "secret" in str(caught.value)
    assert reason_of(caught.value) == "status 503 Service Unavailable"
