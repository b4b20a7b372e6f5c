"""Asking servers: sessions as the site wants them, and what went wrong in a few words."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    import requests


def shown(url: str) -> str:
    """Return an address as it may be printed: without a password and a query, which may hold a token."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def new_session() -> requests.Session:
    """Return a session that keeps connections; proxies, CA bundle and netrc come from the environment."""
    import requests

    session = requests.Session()
    # requests knows REQUESTS_CA_BUNDLE itself and prefers it; OpenSSL's own variable it does not.
    if bundle := os.environ.get("SSL_CERT_FILE"):
        session.verify = bundle
    return session


def reason_of(error: BaseException) -> str:
    """Return the innermost cause in a few words, instead of the names of five wrapped exceptions."""
    import requests
    import urllib3

    if isinstance(error, requests.HTTPError) and error.response is not None:  # its own text holds the address
        return f"status {error.response.status_code} {error.response.reason or ''}".rstrip()
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return "timed out"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return "the host name is not known"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, requests.ConnectionError | urllib3.exceptions.ProtocolError):
        return "the connection broke off"
    return (str(error) or type(error).__name__).splitlines()[0]
