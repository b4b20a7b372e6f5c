"""The smallest build backend (PEP 517) that compiles a module written in C."""

from __future__ import annotations

import base64
import hashlib
import os
import shlex
import subprocess
import sysconfig
import zipfile
from pathlib import Path

NAME, VERSION = "canary_native", "1.0"


def build_wheel(
    wheel_directory: str, config_settings: object = None, metadata_directory: str | None = None
) -> str:
    """Compile `canary_native.c` of the current folder and return the name of the wheel."""
    module = Path(NAME + str(sysconfig.get_config_var("EXT_SUFFIX")))
    flags = shlex.split(f"{os.environ['CFLAGS']} {os.environ['LDFLAGS']}")
    include = sysconfig.get_path("include")
    argv = ["gcc", "-shared", "-fPIC", f"-I{include}", *flags, "-o", str(module), f"{NAME}.c"]
    subprocess.run(argv, check=True)
    tag = f"cp{sysconfig.get_config_var('py_version_nodot')}"
    wheel = f"{NAME}-{VERSION}-{tag}-{tag}-linux_x86_64.whl"
    info = f"{NAME}-{VERSION}.dist-info"
    content = {
        module.name: module.read_bytes(),
        f"{info}/METADATA": Path("PKG-INFO").read_bytes(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}-{tag}-linux_x86_64\n".encode(),
    }
    rows = [f"{path},sha256={_digest(data)},{len(data)}\n" for path, data in content.items()]
    content[f"{info}/RECORD"] = "".join([*rows, f"{info}/RECORD,,\n"]).encode()
    with zipfile.ZipFile(Path(wheel_directory, wheel), "w") as archive:
        for path, data in content.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), data)
    return wheel


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
