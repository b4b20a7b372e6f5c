"""Asks a Python index (simple API) what files a project has and where they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from scs_build.errors import FetchError
from scs_build.web import new_session, reason_of, shown

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
TIMEOUT = (10, 30)


@dataclass(frozen=True)
class IndexFile:
    """A file of a project; `size` is None where the index does not tell it."""

    name: str
    url: str
    sha256: str
    size: int | None
    requires_python: str = ""
    yanked: bool = False


# Indices that failed, of which others are asked first from then on; and what indices said.
_lost: set[str] = set()
_pages: dict[tuple[str, str], tuple[IndexFile, ...]] = {}


def file_urls(indices: Sequence[str], project: str, sha256: str) -> Iterator[str]:
    """Yield where the file with that hash can be had, in the order of the indices.

    An index that fails is passed over when another has the file, and asked last when it failed before;
    raises `FetchError` when one failed and none has it: it may be there.
    """
    failures, found = [], False
    for base in sorted(indices, key=_lost.__contains__):
        try:
            for url in _urls_at(base, project, sha256):
                found = True
                yield url
        except OSError as error:  # what requests raises
            failures.append(f"{shown(base)}: {reason_of(error)}")
    if failures and not found:
        none = len(failures) == len(indices)
        what = f"no Python index answers about {project}" if none else f"no index that answers has {project}"
        raise FetchError(f"{what}: {'; '.join(failures)}")


def _urls_at(base: str, project: str, sha256: str) -> list[str]:
    """Return the places of a file at one index, from what it said before where that is enough."""
    known = [file.url for file in _pages.get((base, project), ()) if file.sha256 == sha256]
    return known or [file.url for file in project_files(base, project) if file.sha256 == sha256]


def project_files(base: str, project: str, timeout: tuple[float, float] = TIMEOUT) -> tuple[IndexFile, ...]:
    """Return the files of a project that have a sha256; none when the index does not know the project.

    Raises OSError (of `requests`) when the index does not answer, or answers with something else.
    """
    try:
        _pages[base, project] = found = _ask(base, project, timeout)
    except OSError:
        lose(base)
        raise
    return found


def lose(base: str) -> None:
    """Ask this index last from now on."""
    _lost.add(base)


def _ask(base: str, project: str, timeout: tuple[float, float]) -> tuple[IndexFile, ...]:
    """Ask an index (PEP 691, else PEP 503)."""
    address = f"{base}/{project}/"
    with new_session() as session:
        answer = session.get(address, headers={"Accept": ACCEPT}, timeout=timeout)
    if answer.status_code == 404:
        return ()
    answer.raise_for_status()
    if "json" in answer.headers.get("Content-Type", ""):
        try:
            rows = answer.json()["files"]
            return tuple(_from_json(row, answer.url) for row in rows if "sha256" in row["hashes"])
        except (KeyError, TypeError) as error:
            raise OSError(f"{address} answers with something else than an index does") from error
    parser = _Links()
    parser.feed(answer.text)
    found = (_from_link(link, answer.url) for link in parser.links)
    return tuple(file for file in found if file.sha256)


def _from_json(row: dict[str, Any], page: str) -> IndexFile:
    return IndexFile(
        name=row["filename"],
        url=urljoin(page, row["url"]),
        sha256=row["hashes"]["sha256"],
        size=row.get("size"),
        requires_python=row.get("requires-python") or "",
        yanked=bool(row.get("yanked")),
    )


def _from_link(attributes: dict[str, str | None], page: str) -> IndexFile:
    url, fragment = urldefrag(urljoin(page, attributes["href"] or ""))
    return IndexFile(
        name=unquote(urlsplit(url).path.rpartition("/")[2]),
        url=url,
        sha256=fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else "",
        size=None,
        requires_python=attributes.get("data-requires-python") or "",
        yanked="data-yanked" in attributes,
    )


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes)
