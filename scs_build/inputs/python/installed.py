"""Where the members of a wheel lie once it is installed in a virtual environment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scs_build.inputs.artefact import Member

if TYPE_CHECKING:
    from scs_build.recipes.models import PythonChannel


def installed(member: Member, distribution: str, channel: PythonChannel) -> Member:
    """Return a member of a wheel as it lies in the virtual environment of an image.

    Wheels come from many umasks: a file is executable, then for everybody, or it is not.
    """
    top, _, rest = member.path.partition("/")
    prefix = channel.prefix.lstrip("/")
    site = f"{prefix}/lib/python{channel.version}/site-packages"
    scheme, _, name = rest.partition("/") if top.endswith(".data") else ("", "", member.path)
    folders = {
        "scripts": f"{prefix}/bin",
        "data": prefix,
        "headers": f"{prefix}/include/site/python{channel.version}/{distribution}",
    }
    executable = scheme == "scripts" or member.mode & 0o111
    return replace(member, path=f"{folders.get(scheme, site)}/{name}", mode=0o755 if executable else 0o644)
