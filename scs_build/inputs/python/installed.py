"""Where the files of a wheel lie once they are installed."""

from __future__ import annotations

from dataclasses import dataclass

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

    def place(self, member: str) -> str:
        """Return where a member of a wheel lies once installed (binary distribution format, `.data/`)."""
        top, _, rest = member.partition("/")
        if not top.endswith(".data"):
            return f"{self.site_packages}/{member}"
        scheme, _, rest = rest.partition("/")
        folder = {"scripts": f"{self.prefix}/bin", "data": self.prefix}.get(scheme, self.site_packages)
        return f"{folder}/{rest}"
