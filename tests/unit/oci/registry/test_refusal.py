"""What skopeo says is told in our words; most of it is heard from real servers in the integration tests."""

from __future__ import annotations

import re

import pytest

from scs_build.errors import (
    AccessError,
    DiskFullError,
    InfrastructureError,
    IntegrityError,
    ProgramError,
    RegistryError,
    ScsBuildError,
    TrustError,
    UnknownNameError,
)
from scs_build.oci.registry.refusal import MEANINGS, concerns_all, last_words, refusal

REFERENCE = "registry.example.org:5000/scs/keystone:2026.1"
PING = "pinging container registry registry.example.org:5000: "
X509 = "tls: failed to verify certificate: x509: "
WORDS: list[tuple[str, type[ScsBuildError]]] = [
    (PING + X509 + "certificate signed by unknown authority", TrustError),
    (PING + X509 + "certificate has expired or is not yet valid", TrustError),
    (PING + "remote error: tls: certificate required", TrustError),
    (PING + "http: server gave HTTP response to HTTPS client", TrustError),
    ("reading manifest 1 in x: authentication required", AccessError),
    ("reading manifest 1 in x: unauthorized: access is not authorized", AccessError),
    ("writing blob: initiating layer upload to /v2/: denied: you may not", AccessError),
    ('reading manifest 1 in x: StatusCode: 403, "<html>"', AccessError),
    ("open /run/containers/0/auth.json: permission denied", InfrastructureError),
    ("reading manifest 1 in x: manifest unknown", UnknownNameError),
    ("reading manifest 1 in x: name unknown: repository is not known to registry", UnknownNameError),
    ("fetching blob: blob unknown to registry", UnknownNameError),
    ('pinging container registry x: StatusCode: 404, "<html>"', RegistryError),
    ("happened during read: Digest did not match, expected sha256:1, got sha256:2", IntegrityError),
    ("Manifest does not match provided manifest digest sha256:1", IntegrityError),
    ("storing blob to file: write /x: no space left on device", DiskFullError),
    (PING + 'Get "https://x/v2/": dial tcp 10.0.0.1:443: connect: connection refused', RegistryError),
    (PING + 'Get "https://x/v2/": dial tcp: lookup x on 10.0.0.1:53: no such host', RegistryError),
    ("received unexpected HTTP status: 503 Service Unavailable", RegistryError),
    ("context deadline exceeded", RegistryError),
    ("writing blob: Patch: unexpected EOF", RegistryError),
    ('reading manifest: StatusCode: 429, "slow down"', RegistryError),
    ("toomanyrequests: rate limit", RegistryError),
    ("something that nobody foresaw", RegistryError),
]


def said(words: str) -> str:
    quoted = words.replace("\\", "\\\\").replace('"', '\\"')
    return f'Copying blob sha256:00\ntime="2026-04-01T00:00:00Z" level=fatal msg="{quoted}"\n'


@pytest.mark.parametrize(("words", "kind"), WORDS)
def test_each_refusal_has_its_class_names_the_image_and_says_what_to_do(
    words: str, kind: type[ScsBuildError]
) -> None:
    error = refusal(REFERENCE, said(words), 1)
    assert type(error) is kind
    assert REFERENCE in error.reason
    assert words.replace(PING, "")[:20] in error.reason
    assert error.solution and "HOST" not in error.solution


def test_digests_and_ports_are_no_status() -> None:
    error = refusal("x:403/a:1", said("dial tcp x:403: connect: connection refused"), 1)
    assert type(error) is RegistryError


def test_what_an_address_holds_behind_a_question_mark_is_not_told() -> None:
    words = 'Get "https://store.example.org/blob?X-Signature=secret&token=secret": EOF'
    assert "secret" not in refusal(REFERENCE, said(words), 1).reason
    assert "https://store.example.org/blob" in last_words(said(words))


def test_a_registry_that_cannot_be_reached_at_all_is_told_apart() -> None:
    assert concerns_all(said(f'Error parsing image name "docker://x": {PING}EOF'))
    assert not concerns_all(said("reading manifest 1 in x: manifest unknown"))


def test_a_program_that_says_nothing_is_a_program_that_failed() -> None:
    error = refusal(REFERENCE, "", -9)
    assert type(error) is ProgramError
    assert "-9" in error.reason


def test_every_meaning_is_the_first_for_some_words() -> None:
    first = [next((m for m in MEANINGS if re.search(m.pattern, words)), None) for words, _ in WORDS]
    assert {meaning.pattern for meaning in first if meaning} == {meaning.pattern for meaning in MEANINGS}
