"""The proof that keystone works, asked as a client would: with openstacksdk, over HTTP."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from typing import Any

from scs_build.errors import CheckFailed

URL = "http://127.0.0.1:5000/v3"
CACHE = ("127.0.0.1", 11211)
# Costly imports, made while the services start.
LATE = ("openstack", "keystoneauth1.identity.v3", "keystoneauth1.session", "requests")
SHOWN = 12


def prove(secrets: Mapping[str, str], began: float) -> dict[str, Any]:
    """Get a token, list projects with it, and see a wrong password refused; return the facts.

    `began` is when the run began on the monotonic clock. Raises `CheckFailed` for whatever is not as it
    must be.
    """
    import openstack
    from keystoneauth1.exceptions import ClientException
    from openstack.exceptions import SDKException

    session = _session(secrets["admin-password"])
    try:
        token = session.get_token()
        seconds = time.monotonic() - began
        version = session.get(URL).json()["version"]
        projects = [
            project.name for project in openstack.connection.Connection(session=session).identity.projects()
        ]
    except (ClientException, SDKException) as error:
        raise CheckFailed(f"keystone did not answer as it must: {error}") from error
    if "admin" not in projects:
        raise CheckFailed(f"the project admin is not in the list of projects {projects}")
    return {
        "token": f"{token[:SHOWN]}...",
        "seconds_to_token": round(seconds, 3),
        "projects": projects,
        "api_version": version["id"],
        "wrong_password_status": _refused(),
        "token_in_header": _token_header(secrets["admin-password"]),
        "cache": _cache(),
    }


def _session(password: str) -> Any:
    from keystoneauth1.identity.v3 import Password
    from keystoneauth1.session import Session
    from requests import Session as Http

    http = Http()
    http.trust_env = False  # no proxy is between us and a loopback
    auth = Password(
        URL, username="admin", password=password, user_domain_id="default", project_name="admin",
        project_domain_id="default",
    )  # fmt: skip
    return Session(auth=auth, session=http)


def _refused() -> int:
    """Return the status that a wrong password gets; raises `CheckFailed` unless it is 401."""
    from keystoneauth1.exceptions import HttpError

    try:
        _session("wrong").get_token()
    except HttpError as error:
        if error.http_status == 401:
            return 401
        raise CheckFailed(f"a wrong password gets status {error.http_status}, not 401") from error
    raise CheckFailed("a wrong password got a token")


def _token_header(password: str) -> bool:
    """Ask for a token without any client library; it must be in the header and not in the body."""
    import requests

    user = {"name": "admin", "domain": {"id": "default"}, "password": password}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
    with requests.Session() as http:
        http.trust_env = False
        answer = http.post(f"{URL}/auth/tokens", json=body, timeout=60)
    token = answer.headers.get("X-Subject-Token", "")
    if answer.status_code != 201 or not token or token in answer.text:
        raise CheckFailed(
            f"asked for a token, keystone answered {answer.status_code} without one in the header"
        )
    return True


def _cache() -> dict[str, int]:
    """Return what memcached counted; raises `CheckFailed` when keystone stored nothing in it."""
    with socket.create_connection(CACHE, timeout=10) as connection:
        connection.sendall(b"stats\r\nquit\r\n")
        with connection.makefile("r") as stream:
            fields = dict(line.split()[1:3] for line in stream if line.startswith("STAT "))
    counted = {name: int(fields[name]) for name in ("cmd_set", "cmd_get", "get_hits")}
    if not counted["cmd_set"]:
        raise CheckFailed("keystone stored nothing in memcached", solution="look at [cache] in keystone.conf")
    return counted
