"""A site's Zuul as a folder: which connections and projects it has, and the project that configures it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scs_build.errors import Location, ZuulError

EXAMPLE = Path("docs/examples/zuul")
# In this order Zuul looks for the configuration of a project.
CONFIG_ROOTS = ("zuul.yaml", "zuul.d", ".zuul.yaml", ".zuul.d")
IGNORE = ".zuul.ignore"


@dataclass(frozen=True)
class Deployment:
    """`folder` holds `zuul.conf` (connections), `main.yaml` (one tenant) and `config/` (the config project).

    `project` is the last part of the name that `checkout` has in the tenant.
    """

    folder: Path
    checkout: Path
    project: str

    def file(self, name: str) -> Path:
        """Return a file of the folder; raises `ZuulError` when there is none."""
        path = self.folder / name
        if not path.is_file():
            raise ZuulError(
                "there is no such file",
                where=Location(self.shown(path)),
                solution=f"a deployment is a folder such as {EXAMPLE}",
            )
        return path

    def folder_of(self, project: str, *, trusted: bool) -> Path | None:
        """Return where the files of a project lie; None for one that is only named (such as zuul-jobs)."""
        if trusted:
            return self.folder / "config"
        return self.checkout if project.rpartition("/")[2] == self.project else None

    def shown(self, path: Path) -> str:
        """Return a path as findings show it: relative to the checkout where it lies in it."""
        return str(path.relative_to(self.checkout) if path.is_relative_to(self.checkout) else path)


def config_files(folder: Path) -> list[Path]:
    """Return the files of a project's configuration in the order in which Zuul reads them."""
    for root in (folder / name for name in CONFIG_ROOTS):
        found = [root] if root.is_file() else _below(root)
        if found:
            return found  # Zuul reads the first root that is there
    return []


def _below(root: Path) -> list[Path]:
    ignored = {path.parent for path in root.rglob(IGNORE)}
    return sorted(path for path in root.rglob("*.yaml") if not ignored.intersection(path.parents))
