"""The target environment of a series: wheel tags and marker values, without its interpreter."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.markers import Environment
    from packaging.tags import Tag

    from scs_build.recipes.models import PythonChannel

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
# The newest glibc that uv knows as a target platform. Wheels are chosen with our own tags.
NEWEST_OF_UV = 40


def machine(platform: str) -> str:
    """Return the machine name of a platform: `x86_64` for `linux/amd64`."""
    architecture = platform.partition("/")[2]
    return MACHINES.get(architecture, architecture)


def uv_platform(channel: PythonChannel, platform: str) -> str:
    """Return the target as uv names it."""
    minor = min(int(channel.manylinux.partition("_")[2]), NEWEST_OF_UV)
    return f"{machine(platform)}-manylinux_2_{minor}"


def tags(channel: PythonChannel, platform: str) -> list[Tag]:
    """Return the tags of the wheels that the series' interpreter takes, best first."""
    from packaging.tags import compatible_tags, cpython_tags

    name = machine(platform)
    platforms = []
    for minor in range(int(channel.manylinux.partition("_")[2]), 4, -1):
        platforms.append(f"manylinux_2_{minor}_{name}")
        if minor in LEGACY:
            platforms.append(f"{LEGACY[minor]}_{name}")
    platforms.append(f"linux_{name}")
    version = tuple(int(part) for part in channel.version.split("."))
    interpreter = f"cp{''.join(channel.version.split('.'))}"
    return [
        *cpython_tags(version, abis=[interpreter], platforms=platforms),
        *compatible_tags(version, interpreter, platforms),
    ]


def environment(channel: PythonChannel, platform: str) -> Environment:
    """Return the values of the environment markers."""
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{channel.version}.0",
        "os_name": "posix",
        "platform_machine": machine(platform),
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{channel.version}.0",
        "platform_python_implementation": "CPython",
        "python_version": channel.version,
        "sys_platform": "linux",
    }
