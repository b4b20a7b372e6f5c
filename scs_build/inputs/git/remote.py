"""Repositories of others: which commit a name means, and bringing one commit here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from scs_build.errors import FetchError, ProgramError
from scs_build.inputs.locking import TIMEOUT
from scs_build.run import Completed, clean_environment, run

# Nothing of this machine's configuration, no hooks, no questions, and no transport that starts programs.
ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
    "GIT_TERMINAL_PROMPT": "0",
    # Bytes per second below which a server counts as silent.
    "GIT_HTTP_LOW_SPEED_LIMIT": "1000",
}
HEADS, TAGS = "refs/heads/", "refs/tags/"
# What a tag that is an object of its own leads to.
PEELED = "^{}"


def git(
    *args: str | Path, stdin: bytes = b"", output: IO[bytes] | None = None, timeout: int = TIMEOUT
) -> Completed:
    """Run git; `timeout` are the seconds that a server may be silent."""
    extra = {**ENVIRONMENT, "GIT_HTTP_LOW_SPEED_TIME": str(timeout)}
    if bundle := os.environ.get("SSL_CERT_FILE"):
        extra["GIT_SSL_CAINFO"] = bundle
    return run(["git", *args], env=clean_environment(extra), stdin=stdin, output=output, timeout=1800)


def references(url: str, timeout: int = TIMEOUT) -> dict[str, str]:
    """Return the commit of every branch and tag, by its full name (`refs/tags/1.0`); raises `FetchError`."""
    try:
        done = git("ls-remote", "--heads", "--tags", "--", url, timeout=timeout)
    except ProgramError as error:
        raise FetchError(f"git cannot read {url}: {error.reason}") from error
    rows = [line.partition("\t") for line in done.stdout.decode(errors="replace").splitlines()]
    found = {name: commit for commit, _, name in rows}
    return {name: found.get(name + PEELED, commit) for name, commit in found.items() if PEELED not in name}


def commit_of(names: dict[str, str], version: str) -> str | None:
    """Return the commit that a tag, else a branch, means."""
    return names.get(TAGS + version) or names.get(HEADS + version)


def fetch_commit(url: str, commit: str, repository: Path, timeout: int = TIMEOUT) -> bool:
    """Bring a commit into a new bare repository; return False when the other side does not have it.

    Raises `FetchError` when the other side cannot be read.
    """
    form = "sha256" if len(commit) == 64 else "sha1"
    git("init", "--quiet", "--bare", "--template=", f"--object-format={form}", repository)
    fetch = ("-C", repository, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head")
    try:
        git(*fetch, "--depth=1", "--", url, commit, timeout=timeout)
    except ProgramError:
        # Not every server hands out single commits, nor shallow histories: then everything, once.
        try:
            git(*fetch, "--", url, f"+{HEADS}*:{HEADS}*", f"+{TAGS}*:{TAGS}*", timeout=timeout)
        except ProgramError as error:
            raise FetchError(f"git cannot fetch from {url}: {error.reason}") from error
    return _has(repository, commit)


def _has(repository: Path, commit: str) -> bool:
    try:
        git("-C", repository, "cat-file", "-e", f"{commit}^{{commit}}")
    except ProgramError:
        return False
    return True
