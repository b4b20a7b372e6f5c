"""The table of kinds of inputs: rooms after this one look a kind up here and name none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scs_build.inputs.artefact import Input, TreeInput
from scs_build.inputs.deb.deb import DebInput
from scs_build.inputs.git.git import GitInput
from scs_build.inputs.python.distributions import SdistInput, WheelInput
from scs_build.inputs.url import UrlInput

if TYPE_CHECKING:
    from scs_build.inputs.locking import Context, Locker

# What is laid into an image as it is, at the path that its lock line names.
TREES: dict[str, TreeInput] = {"url": UrlInput(), "git": GitInput()}
INPUTS: dict[str, Input] = {"deb": DebInput(), "wheel": WheelInput(), "sdist": SdistInput(), **TREES}


def lockers(context: Context) -> tuple[Locker, ...]:
    """Return what resolves the families of inputs, in the order in which they are resolved."""
    from scs_build.inputs.deb.locker import DebLocker
    from scs_build.inputs.python.locker import PythonLocker
    from scs_build.inputs.upstream import UpstreamLocker

    return DebLocker(context), PythonLocker(context), UpstreamLocker(context)
