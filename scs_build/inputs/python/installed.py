"""Where the files of a wheel lie once they are installed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scs_build.inputs.artefact import Member
from scs_build.recipes.models import PythonChannel


@dataclass(frozen=True)
class Environment:
    """The places of a virtual environment; paths have no leading slash."""

    prefix: str
    site_packages: str

    @classmethod
    def of(cls, python: PythonChannel) -> Environment:
        """Return the virtual environment of the images of a series."""
        prefix = python.prefix.lstrip("/")
        return cls(prefix, f"{prefix}/lib/python{python.version}/site-packages")

    def place(self, member: str, distribution: str = "") -> str:
        """Return where a member of a wheel lies once installed (binary distribution format, `.data/`)."""
        top, _, rest = member.partition("/")
        if not top.endswith(".data"):
            return f"{self.site_packages}/{member}"
        scheme, _, rest = rest.partition("/")
        python = self.site_packages.split("/")[-2]
        folders = {
            "scripts": f"{self.prefix}/bin",
            "data": self.prefix,
            "headers": f"{self.prefix}/include/site/{python}/{distribution}",
        }
        return f"{folders.get(scheme, self.site_packages)}/{rest}"


def installed(member: Member, distribution: str, channel: PythonChannel) -> Member:
    """Return a member of a wheel as it lies in the virtual environment of an image.

    Wheels come from many umasks: a file is executable, then for everybody, or it is not.
    """
    environment = Environment.of(channel)
    path = environment.place(member.path, distribution)
    executable = path.startswith(f"{environment.prefix}/bin/") or member.mode & 0o111
    return replace(member, path=path, mode=0o755 if executable else 0o644)
