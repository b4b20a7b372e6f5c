"""Whose containers, volumes and images those of a Docker daemon are, and which nobody waits for any more.

Each carries two labels: the process that made it - boot, PID namespace, number, start time - and for how
many seconds it may be needed. An image cannot carry labels of ours without becoming another one: it has a tag
that says the same. `kill -9` of that process leaves them; the next one that uses the daemon removes what
belongs to a process of its own namespace that has ended, and, whoever made it, what has outlived its time by
the daemon's own clock.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scs_build.engines.daemon import talking

if TYPE_CHECKING:
    from docker import APIClient

OWNER = "community.scs.scs-build.owner"
SECONDS = "community.scs.scs-build.seconds"
# Sending what a step needs and fetching what it made may take this long on top of the step itself.
MARGIN = 3600
# The name of every image that is at a daemon only for as long as a process needs it.
LENT = "scs-build-lent"


def labels(timeout: float) -> dict[str, str]:
    """Return the labels of what a step with this time-out needs of a daemon."""
    return {OWNER: _process(os.getpid()), SECONDS: str(round(timeout) + MARGIN)}


def lent_name(timeout: float) -> str:
    """Return a name for an image, used once, that says what labels would say."""
    process = _process(os.getpid()).replace("@", " ").split()
    return f"{LENT}:{'_'.join((*process, str(round(timeout) + MARGIN), os.urandom(4).hex()))}"


def reap(client: APIClient) -> int:
    """Remove what nobody waits for; return how many containers, volumes and names of images that were."""
    from docker.errors import APIError

    with talking("look for what killed builds left"):
        now = _time(client.info()["SystemTime"])
        containers = client.containers(all=True, filters={"label": OWNER})
        gone = [c["Id"] for c in containers if _is_orphan(c["Labels"], now - c["Created"])]
        for container in gone:
            with suppress(APIError):  # somebody else was faster
                client.remove_container(container, force=True, v=True)
        volumes = client.volumes(filters={"label": OWNER})["Volumes"] or []
        left = [v["Name"] for v in volumes if _is_orphan(v["Labels"], now - _time(v["CreatedAt"]))]
        for volume in left:
            with suppress(APIError):
                client.remove_volume(volume)
        names = [name for name in _lent(client) if _is_orphan(*_said_by(client, name, now))]
        for name in names:
            with suppress(APIError):
                client.remove_image(name)
    return len(gone) + len(left) + len(names)


def _lent(client: APIClient) -> list[str]:
    names = [name for image in client.images(name=LENT) for name in image["RepoTags"] or ()]
    return [name for name in names if name.startswith(f"{LENT}:")]


def _said_by(client: APIClient, name: str, now: float) -> tuple[dict[str, str], float]:
    """Return what the labels of a lent image would be, and its age; 0 where the daemon does not know that."""
    from docker.errors import NotFound

    boot, space, pid, start, seconds, *_ = (*name.partition(":")[2].split("_"), "", "", "", "", "")
    try:
        given = str(client.inspect_image(name).get("Metadata", {}).get("LastTagTime", ""))
    except NotFound:  # somebody else was faster
        given = ""
    known = given[:4].isdecimal() and int(given[:4]) > 1
    return {OWNER: f"{boot} {space} {pid}@{start}", SECONDS: seconds}, now - _time(given) if known else 0


def _is_orphan(made: Mapping[str, Any], age: float) -> bool:
    owner, seconds = str(made.get(OWNER, "")), str(made.get(SECONDS, ""))
    if seconds.isdecimal() and age > int(seconds):
        return True
    place, _, process = owner.rpartition(" ")
    pid = process.partition("@")[0]
    return place == _place() and pid.isdecimal() and owner != _process(int(pid))


def _process(pid: int) -> str:
    """Return what names a process of this PID namespace once and for all; one that ended has no start."""
    try:
        start = (
            Path(f"/proc/{pid}/stat")
            .read_text(encoding="utf-8", errors="replace")
            .rpartition(")")[2]
            .split()[19]
        )
    except OSError:
        start = ""
    return f"{_place()} {pid}@{start}"


def _place() -> str:
    """Return what process numbers mean something in: this boot and this PID namespace."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {Path('/proc/self/ns/pid').stat().st_ino}"


def _time(text: str) -> float:
    """Return a time of the daemon, such as `2026-01-31T12:00:00.123456789+01:00`, as seconds since 1970."""
    head, zone = text[:19], text[-6:] if text[-6] in "+-" else "+00:00"
    return datetime.fromisoformat(head + zone).timestamp()
