"""The table of kinds of inputs: rooms after this one look a kind up here and name none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scs_build.inputs.artefact import Input
from scs_build.inputs.deb.deb import DebInput
from scs_build.inputs.python.distributions import SdistInput, WheelInput
from scs_build.inputs.url import UrlInput

if TYPE_CHECKING:
    from scs_build.inputs.locking import Context, Locker

INPUTS: dict[str, Input] = {each.kind: each for each in (DebInput(), WheelInput(), SdistInput(), UrlInput())}


def lockers(context: Context) -> tuple[Locker, ...]:
    """Return what resolves the families of inputs, in the order in which they are resolved."""
    from scs_build.inputs.deb.locker import DebLocker
    from scs_build.inputs.python.locker import PythonLocker
    from scs_build.inputs.url import UrlLocker

    return DebLocker(context), PythonLocker(context), UrlLocker(context)
