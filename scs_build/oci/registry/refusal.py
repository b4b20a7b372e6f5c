"""What skopeo's last words mean: which error of ours, and what can be done.

The words are those of the pinned release; the integration tests hear each of them from real servers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Meaning:
    """A pattern of skopeo's last words, the error that they stand for, in our words, and what to do."""

    pattern: str
    error: type[ScsBuildError]
    reason: str
    solution: str


AGAIN = "run the same command again: what is there already is not sent again"
STATUS = r"[Ss]tatus(?:Code)?: "
MEANINGS = (
    Meaning(
        r"x509: certificate signed by unknown authority",
        TrustError,
        "its certificate is signed by an authority that this machine does not know",
        "give the certificate of the authority with --ca FILE, or in the site file under `registries`",
    ),
    Meaning(
        r"x509: |tls: (?!first record)",
        TrustError,
        "its certificate is not accepted, or it does not accept ours",
        "check the name in it, its dates and this machine's clock; our own certificate goes into --cert-dir",
    ),
    Meaning(
        r"server gave HTTP response to HTTPS client|first record does not look like a TLS handshake",
        TrustError,
        "it answers without TLS",
        "give --plain-http if that is meant: then nothing is secret and nobody is who they say",
    ),
    Meaning(
        rf"unauthorized|authentication required|invalid username/password|{STATUS}401",
        AccessError,
        "it wants to know who we are, or does not accept who we say we are",
        "log in: `skopeo login HOST` or `docker login HOST`; $REGISTRY_AUTH_FILE can name another file",
    ),
    Meaning(
        r"permission denied",
        InfrastructureError,
        "a file of this machine cannot be read or written",
        "check its owner, or run the command as another user",
    ),
    Meaning(
        rf"denied|{STATUS}403",
        AccessError,
        "these credentials do not allow it, or the namespace does not exist",
        "check the spelling of the namespace and the rights of the account in it",
    ),
    Meaning(
        rf"pinging .*{STATUS}404",
        RegistryError,
        "something answers there that is no registry",
        "check host and port",
    ),
    Meaning(
        rf"manifest unknown|name unknown|blob unknown|{STATUS}404",
        UnknownNameError,
        "it has no such image or namespace",
        "check the name of the registry and the namespace; `scs-build push` puts images there",
    ),
    Meaning(
        r"does not match|Digest did not match",
        IntegrityError,
        "it delivers other bytes than the digest stands for",
        "do not use this registry before its operator knows what changes the bytes",
    ),
    Meaning(
        r"no space left on device|disk quota exceeded",
        DiskFullError,
        "the disk of this machine is full",
        "make room, for example with `scs-build store gc --max-size 5G`, and run the command again",
    ),
    Meaning(
        r"connection refused",
        RegistryError,
        "nothing answers there",
        "check host and port, and whether the registry runs",
    ),
    Meaning(
        r"no such host|server misbehaving|network is unreachable|no route to host",
        RegistryError,
        "there is no way to this host",
        "check its name, the network and the proxy (https_proxy)",
    ),
    Meaning(
        r"deadline exceeded|i/o timeout|TLS handshake timeout",
        RegistryError,
        "it does not answer, or too slowly",
        AGAIN,
    ),
    Meaning(
        r"EOF|connection reset|broken pipe|use of closed network connection|server closed",
        RegistryError,
        "the connection broke off",
        AGAIN,
    ),
    Meaning(
        rf"toomanyrequests|{STATUS}429",
        RegistryError,
        "it is asked too often",
        f"wait, or use fewer --jobs; {AGAIN}",
    ),
)
"""In the order in which they are tried: the more particular come first."""

FATAL = re.compile(r'level=fatal msg="((?:[^"\\]|\\.)*)"')
# What `skopeo inspect` puts before every reason; it has parsed the name well enough.
PREFIX = re.compile(r'^Error parsing image name "[^"]*": ')
QUERY = re.compile(r"(https?://[^\s?\"\\]+)\?[^\s\"\\]*")


def refusal(reference: str, said: str, status: int) -> ScsBuildError:
    """Return the error for a run of skopeo about `reference` that `said` this and ended with `status`."""
    words = last_words(said)
    host = reference.partition("/")[0]
    if not words:
        return ProgramError(f"skopeo ended with status {status} and said nothing, about {reference}")
    for meaning in MEANINGS:
        if re.search(meaning.pattern, words):
            solution = meaning.solution.replace("HOST", host)
            return meaning.error(f"{reference}: {meaning.reason}\n    {words}", solution=solution)
    return RegistryError(f"{reference}: the registry failed\n    {words}", solution=AGAIN)


def concerns_all(said: str) -> bool:
    """Return whether skopeo failed before it came to any image: nobody else need try."""
    return last_words(said).startswith("pinging ")


def last_words(said: str) -> str:
    """Return skopeo's last message in one line, without what addresses may hold behind a question mark."""
    found = FATAL.findall(said)
    text = re.sub(r"\\(.)", r"\1", found[-1].replace("\\n", " ")) if found else said
    return QUERY.sub(r"\1", PREFIX.sub("", " ".join(text.split())))
