"""The checks of `scs-build doctor` about engines: each is tried for real, and one that works is enough."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from scs_build.cli.options import Session
from scs_build.errors import EngineError, ScsBuildError

if TYPE_CHECKING:
    from scs_build.engines.tools import ToolsTree

Verdict = Literal["ok", "warning", "missing"]

NOT_TRIED = "a step is tried once the pinned tools are there, with the first build"
TRIED = "a step runs"


@dataclass(frozen=True)
class Check:
    """What was looked at, the verdict, what was found, and how to mend it (empty when all is well)."""

    name: str
    verdict: Verdict
    found: str
    mend: str = ""


def engines(session: Session) -> Iterable[Check]:
    """Check both engines; what is wrong with one matters only when the other does not work either."""
    tools = tools_there(session)
    checks = [native_engine(session, tools), docker_engine(session, tools)]
    enough = any(check.verdict == "ok" for check in checks)
    for check in checks:
        idle = enough and check.verdict == "missing"
        yield replace(check, verdict="ok", found=f"not needed; {check.found}", mend="") if idle else check


def tools_there(session: Session) -> ToolsTree | None:
    """Return the pinned tools, where a build has put them into the store."""
    from scs_build.cli.common import graph_of
    from scs_build.engines.tools import ToolsTree

    try:
        record = session.store.record(graph_of(session).tools().key)
    except ScsBuildError:  # other checks tell what is wrong with recipes and store
        return None
    tree = session.store.tree(record["uses"]["trees"][0]) if record else None
    return ToolsTree(tree) if tree else None


def native_engine(session: Session, tools: ToolsTree | None) -> Check:
    """Check what the native engine stands on: root, overlay in the kernel; then let it run a step."""
    from scs_build.engines.native import NativeEngine
    from scs_build.engines.outcome import USE_ROOT

    root = os.geteuid() == 0
    overlay = "overlay" in Path("/proc/filesystems").read_text(encoding="ascii").split()
    if not (root and overlay):
        lacks = [*([] if root else ["root"]), *([] if overlay else ["overlay in the kernel"])]
        mend = USE_ROOT if not root else "load the kernel module (modprobe overlay)"
        return Check("native engine", "missing", f"lacks {' and '.join(lacks)}", mend)
    if tools is None:
        return Check("native engine", "ok", f"root, overlay; {NOT_TRIED}")
    with session.store.scratch("doctor") as scratch:
        problems = NativeEngine(tools).check(scratch)
    return _verdict("native engine", f"root, overlay; {TRIED}", problems)


def docker_engine(session: Session, tools: ToolsTree | None) -> Check:
    """Check the daemon that DOCKER_HOST or the Docker context names; then let it run a step."""
    from scs_build.engines.daemon import address
    from scs_build.engines.docker import DockerEngine

    engine = DockerEngine(session.platform)
    try:
        found = f"Docker {engine.connected()} at {address()}"
    except EngineError as error:
        return _verdict("docker engine", "", [str(error)])
    if tools is None:
        return Check("docker engine", "ok", f"{found}; {NOT_TRIED}")
    with session.store.scratch("doctor") as scratch:
        problems = engine.check(scratch, tools)
    return _verdict("docker engine", f"{found}; {TRIED}", problems)


def _verdict(name: str, found: str, problems: list[str]) -> Check:
    if not problems:
        return Check(name, "ok", found)
    reason, _, solution = problems[0].partition("\nhint: ")
    return Check(name, "missing", reason.splitlines()[0], solution or problems[0])
