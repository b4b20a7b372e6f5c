"""The checks of `scs-build doctor`, one function each; none leaves anything behind or uses the network."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scs_build.cli.enginechecks import Check, engines
from scs_build.cli.options import Session
from scs_build.cli.output import size
from scs_build.errors import ScsBuildError
from scs_build.strict_json import read_json

OLDEST_PYTHON = (3, 11)
# A build of the first stack: its downloads, unpacked trees and layers, and one more while it is made.
DISK_NEEDED, DISK_WANTED = 4 * 10**9, 15 * 10**9
MEMORY_WANTED = 2 * 10**9
# No machine that runs this version can be right about an earlier time.
CLOCK_FLOOR = datetime(2026, 1, 1, tzinfo=UTC)
EXPIRES_SOON = timedelta(days=90)


def all_checks(session: Session) -> list[Check]:
    """Run every check; one that cannot look is a warning, never an end of the others."""
    checks: list[Check] = []
    for check in CHECKS:
        try:
            checks.extend(check(session))
        except ScsBuildError as error:
            checks.append(
                Check(check.__name__.replace("_", " "), "missing", error.reason, error.solution or "")
            )
        except OSError as error:
            checks.append(Check(check.__name__.replace("_", " "), "warning", f"cannot look: {error}"))
    return checks


def python(session: Session) -> Iterable[Check]:  # noqa: ARG001
    """Check the interpreter."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] >= OLDEST_PYTHON:
        yield Check("python", "ok", found)
    else:
        yield Check("python", "missing", found, "Python 3.11 or later is needed (Debian 12 and later)")


def recipes(session: Session) -> Iterable[Check]:
    """Check that recipes are found and can be read."""
    images = session.catalogue.components
    layers = [f"{layer.name} in {layer.folder}" for layer in session.catalogue.layers]
    yield Check("recipes", "ok", ", with ".join((f"{len(images)} in {session.root}", *layers)))


def apt(session: Session) -> Iterable[Check]:  # noqa: ARG001
    """Check the program that resolves Debian packages when locking."""
    path = shutil.which("apt-get")
    if path:
        yield Check("apt", "ok", path)
    else:
        yield Check("apt", "warning", "not there", "`scs-build lock` needs apt: lock on a Debian system")


def git(session: Session) -> Iterable[Check]:  # noqa: ARG001
    """Check the program that fetches git trees."""
    path = shutil.which("git")
    if path:
        yield Check("git", "ok", path)
    else:
        yield Check("git", "warning", "not there", "recipes with git trees need it: apt-get install git")


def disk(session: Session) -> Iterable[Check]:
    """Check the store: its format, whether it can be written, and the free space beside it."""
    from scs_build.store.usage import free_space

    root = session.store.root
    folder = next(path for path in (root, *root.parents) if path.exists())
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Check("store", "missing", f"{folder} cannot be written", "name another folder with --store")
    else:
        yield Check("store", "ok", str(root))
    free = free_space(root)
    found = f"{size(free)} free"
    mend = "make room (`scs-build store gc --max-size 5G`) or name a folder on a larger disk with --store"
    if free < DISK_NEEDED:
        yield Check("disk", "missing", found, mend)
    elif free < DISK_WANTED:
        yield Check("disk", "warning", found, mend)
    else:
        yield Check("disk", "ok", found)


def memory(session: Session) -> Iterable[Check]:  # noqa: ARG001
    """Check the memory that is available now, and name the cgroup version that limits apply in."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    facts = {name: int(value.split()[0]) * 1024 for name, value in (line.split(":") for line in lines)}
    available = facts["MemAvailable"]
    enough = available >= MEMORY_WANTED
    mend = "" if enough else "builds may be ended by the kernel: use fewer --jobs or add memory"
    yield Check("memory", "ok" if enough else "warning", f"{size(available)} available", mend)
    unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    yield Check("cgroups", "ok", "v2" if unified else "v1 or hybrid")


def clock(session: Session) -> Iterable[Check]:  # noqa: ARG001
    """Check that the clock is not before this release."""
    now = datetime.now(UTC)
    found = f"{now:%Y-%m-%d %H:%M} UTC"
    if now < CLOCK_FLOOR:
        yield Check("clock", "warning", found, "set the clock: certificates and signatures would be refused")
    else:
        yield Check("clock", "ok", found)


def archive_keys(session: Session) -> Iterable[Check]:
    """Check that the keys which sign Debian's archive will not expire soon."""
    from scs_build.inputs.deb.keys import archive_key

    folder = session.root / "images" / "series" / "keys"
    if not (folder / "keys.json").exists():
        return
    try:
        keys = read_json((folder / "keys.json").read_bytes())["keys"]
        ends_of = {key["file"]: datetime.fromisoformat(key["expires"]).replace(tzinfo=UTC) for key in keys}
        for key in keys:
            archive_key(folder, key["release"], key["archive"])
    except (ValueError, KeyError, TypeError) as error:
        yield Check("archive keys", "missing", f"{folder / 'keys.json'}: {error!r}", "restore the file")
        return
    except ScsBuildError as error:
        yield Check("archive keys", "missing", str(error), "restore the file")
        return
    for file, ends in ends_of.items():
        name, found = f"key {file}", f"until {ends:%Y-%m-%d}"
        if ends > datetime.now(UTC) + EXPIRES_SOON:
            yield Check(name, "ok", found)
        else:
            yield Check(
                name, "warning", found, "take the new key from Debian's package debian-archive-keyring"
            )


CHECKS: tuple[Callable[[Session], Iterable[Check]], ...] = (
    python, recipes, engines, apt, git, disk, memory, clock, archive_keys,
)  # fmt: skip
