"""Where Debian packages come from: the site's mirrors, else those that the host's own apt uses."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal

from scs_build.errors import ProgramError, SiteError
from scs_build.run import run

if TYPE_CHECKING:
    from scs_build.recipes.site import Site

Archive = Literal["debian", "security"]
# The pool of the security archive lies under a name of its own (`pool/updates/main/...`).
SECURITY_POOL = "pool/updates/"


def archive_of(path: str) -> Archive:
    """Return the archive that holds the pool path."""
    return "security" if path.startswith(SECURITY_POOL) else "debian"


def mirrors(site: Site, archive: Archive) -> tuple[str, ...]:
    """Return the base URLs of an archive, best first, without a slash at the end.

    Raises `SiteError` when neither the site configuration nor the host's apt names one.
    """
    named = site.debian if archive == "debian" else site.debian_security
    found = named or host_mirrors()[archive]
    if not found:
        field = "debian" if archive == "debian" else "debian_security"
        raise SiteError(
            f"no mirror of the archive {archive} is known: the host's apt has none",
            solution=f"name one as `{field}` in the site configuration (or run `apt-get update` on Debian)",
        )
    return tuple(url.rstrip("/") for url in found)


@cache
def host_mirrors() -> dict[Archive, tuple[str, ...]]:
    """Return the mirrors that the host's apt uses for Debian's two archives; none where it is no Debian."""
    try:
        done = run(["apt-get", "indextargets", "--format", "$(REPO_URI)\t$(ORIGIN)\t$(LABEL)"])
    except ProgramError:
        return {"debian": (), "security": ()}
    rows = [line.split("\t") for line in done.stdout.decode(errors="replace").splitlines()]
    wanted: dict[Archive, str] = {"debian": "Debian", "security": "Debian-Security"}
    return {
        archive: tuple(dict.fromkeys(url for url, *origin in rows if origin == ["Debian", label]))
        for archive, label in wanted.items()
    }
