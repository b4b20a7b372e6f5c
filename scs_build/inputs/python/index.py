"""Asks a Python index (simple API) where the files of a project are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin

from scs_build.errors import FetchError
from scs_build.web import new_session, reason_of, shown

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
TIMEOUT = (10, 60)


def file_urls(indices: tuple[str, ...], project: str, sha256: str) -> Iterator[str]:
    """Yield where the file with that hash can be had, in the order of the indices.

    An index that fails is passed over when a later one answers; raises `FetchError` when none did.
    """
    failures = []
    for base in indices:
        try:
            url = _project(base, project).get(sha256)
        except OSError as error:  # what requests raises
            failures.append(f"{shown(base)}: {reason_of(error)}")
        else:
            if url:
                yield url
    if len(failures) == len(indices):
        raise FetchError(f"no Python index answers about {project}: {'; '.join(failures)}")


@lru_cache(maxsize=1024)
def _project(base: str, project: str) -> dict[str, str]:
    """Return the URLs of a project's files by sha256 (PEP 691, else PEP 503)."""
    address = f"{base}/{project}/"
    with new_session() as session:
        answer = session.get(address, headers={"Accept": ACCEPT}, timeout=TIMEOUT)
    answer.raise_for_status()
    if "json" in answer.headers.get("Content-Type", ""):
        files = [file for file in answer.json()["files"] if "sha256" in file["hashes"]]
        return {file["hashes"]["sha256"]: urljoin(answer.url, file["url"]) for file in files}
    parser = _Links()
    parser.feed(answer.text)
    links = [urldefrag(urljoin(answer.url, link)) for link in parser.links]
    return {link.fragment.removeprefix("sha256="): link.url for link in links if link.fragment}


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if tag == "a" and name == "href" and value]
