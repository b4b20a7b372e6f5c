"""The input kind `git`: the tree of a commit, as an archive whose bytes depend on the tree alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from scs_build.inputs.artefact import Artefact, Forms
from scs_build.inputs.url import UrlInput

if TYPE_CHECKING:
    from scs_build.recipes.site import Site

# What the address of an archive begins with: `git+<URL of the repository>#<commit>`.
PREFIX = "git+"
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class GitInput(UrlInput):
    """Trees of git repositories; the archive is made from the repository each time."""

    kind = "git"
    fields: ClassVar[Forms] = {**UrlInput.fields, "commit": COMMIT}

    def urls(self, artefact: Artefact, site: Site) -> Iterable[str]:
        """Yield the addresses of the archive."""
        return (address(url, artefact.data["commit"]) for url in site.places(artefact.data["url"]))


def address(url: str, commit: str) -> str:
    """Return the address of the archive of a commit."""
    return f"{PREFIX}{url}#{commit}"


def repository_and_commit(text: str) -> tuple[str, str]:
    """Return the URL of the repository and the commit that an address names."""
    url, _, commit = text.removeprefix(PREFIX).rpartition("#")
    return url, commit
