"""The command that makes a lock fit again, as it has to be typed where layers lie over ours."""

from __future__ import annotations

import platform as host
import shlex
from typing import TYPE_CHECKING

from scs_build.inputs.python.environment import machine

if TYPE_CHECKING:
    from scs_build.locks.models import Lock
    from scs_build.recipes.catalogue import Catalogue


def lock_command(catalogue: Catalogue, lock: Lock, *, whole: bool = False) -> str:
    """Return the command that locks an image again (or the whole series), as it was asked for here."""
    words = ["scs-build", "lock", *([] if whole else [lock.image]), "--series", lock.series]
    if machine(lock.platform) != host.machine():
        words += ["--platform", lock.platform]
    for layer in catalogue.layers:
        if layer.overlay is None:  # an overlay is only made from the locks below it
            words += ["--recipes", str(layer.folder)]
    return shlex.join(words)
