"""Which function runs which kind of step."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from scs_build.build.bytecode import run_bytecode
from scs_build.build.files import run_files
from scs_build.build.image import run_image
from scs_build.build.install import run_install, run_scaffold, run_tools
from scs_build.build.packages import run_packages
from scs_build.build.records import Record
from scs_build.build.system import run_system
from scs_build.build.venv import run_venv
from scs_build.build.wheel import run_wheel
from scs_build.build.workshop import Workshop
from scs_build.plan.step import Kind, Step

RUNNERS: Mapping[Kind, Callable[[Workshop, Step], Record]] = {
    "tools": run_tools,
    "scaffold": run_scaffold,
    "install": run_install,
    "wheel": run_wheel,
    "bytecode": run_bytecode,
    "venv": run_venv,
    "packages": run_packages,
    "files": run_files,
    "system": run_system,
    "image": run_image,
}
