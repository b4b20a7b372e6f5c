"""The command line of a sandbox: bubblewrap of the tools tree on a stack of layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from scs_build.engines.tools import ToolsTree
from scs_build.errors import EngineError

# Where the tools tree is mounted in a sandbox whose command changes its user.
TOOLS_INSIDE = Path("/run/.tools")
# What setpriv needs to change the user; it gives them up before the command starts.
SWITCH_CAPABILITIES = ("CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID")
TMPFS = {"/run": 0o755, "/tmp": 0o1777}
# What the loader and the C library of any program act on, by the beginning of the name: the command of an
# image may be told so, the programs of ours that start it (as root) may not.
LOADER_VARIABLES = ("LD_", "GLIBC_TUNABLES", "GCONV_PATH", "LOCPATH", "MALLOC_")
# The kernel takes mount options of one page; bubblewrap adds some of its own.
MAX_OPTIONS = 4000


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """One command in its own namespaces, as root or as a numeric user.

    `layers` are directories with overlay semantics, lowest first. With `upper` and `work` (empty
    directories of one file system) changes go there; else the root is read-only. `inputs` are read-only
    and `binds` writable mounts, a path inside to a path outside; `tmpfs` maps paths inside to modes.
    With `uid` the command runs as that user and `gid` (the same number when not given), with `groups`, no
    privileges but `capabilities`, and the tools tree is mounted below /run. `network`: `none` is a
    loopback of its own, `shared` the caller's. `environment` None leaves the command the one that
    bubblewrap is started with: secrets must not be on a command line. `loader` are variables that the command
    alone gets, and no program on the way to it (`divided` takes them out); they need a `uid`.
    """

    layers: tuple[Path, ...]
    argv: tuple[str, ...]
    upper: Path | None = None
    work: Path | None = None
    inputs: Mapping[str, Path] = field(default_factory=dict)
    binds: Mapping[str, Path] = field(default_factory=dict)
    tmpfs: Mapping[str, int] = field(default_factory=lambda: dict(TMPFS))
    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] = ()
    capabilities: tuple[str, ...] = ()
    network: Literal["none", "shared"] = "none"
    environment: Mapping[str, str] | None = field(default_factory=dict)
    loader: Mapping[str, str] = field(default_factory=dict)
    hostname: str = "sandbox"
    workdir: str = "/"


def divided(environment: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the part of an environment that our own programs may see, and what the command alone gets."""
    loader = {name: value for name, value in environment.items() if name.startswith(LOADER_VARIABLES)}
    return {name: value for name, value in environment.items() if name not in loader}, loader


def sandbox_argv(tools: ToolsTree, sandbox: Sandbox) -> list[str]:
    """Return the argument list that runs `sandbox`; it must be started as root.

    The sandbox dies with the thread that starts it, and with it every process inside. Raises
    `EngineError` when the layers are more than one mount can name.
    """
    options = [
        *_root(sandbox),
        *("--proc", "/proc", "--dev", "/dev"),
        *_mounts(sandbox, tools),
        *([] if sandbox.upper else ["--remount-ro", "/"]),
        *_namespaces(sandbox),
        *_capabilities(sandbox),
        *_environment(sandbox.environment),
        *("--chdir", sandbox.workdir),
    ]
    return tools.argv("bwrap", *options, "--", *inside_argv(sandbox, tools))


def enter_argv(tools: ToolsTree, sandbox: Sandbox, pid: int, argv: tuple[str, ...]) -> list[str]:
    """Return the argument list that runs `argv` inside a running `sandbox`, with its user and privileges.

    `pid` is the first process of the sandbox, as the caller sees it; the environment is the caller's.
    """
    namespaces = ["--mount", "--pid", "--ipc", "--uts", *(["--net"] if sandbox.network == "none" else [])]
    command = inside_argv(replace(sandbox, argv=argv), tools)
    return tools.argv("nsenter", "--target", str(pid), *namespaces, "--", *command)


def namespace_argv(tools: ToolsTree, argv: Sequence[str], tmpfs: Sequence[Path] = ()) -> list[str]:
    """Return the argument list that runs `argv` on the host's files in a private network and PID namespace.

    Sandboxes that it starts with the network `shared` reach each other at 127.0.0.1 and nobody else. It
    and all of them die with the thread that starts it. The directories `tmpfs` are memory of its own.
    """
    options = ["--dev-bind", "/", "/", "--proc", "/proc", "--unshare-net", "--unshare-pid", "--unshare-ipc"]
    options += [option for path in tmpfs for option in ("--perms", "0755", "--tmpfs", str(path))]
    return tools.argv("bwrap", *options, "--die-with-parent", "--cap-add", "ALL", "--", *argv)


def _root(sandbox: Sandbox) -> list[str]:
    layers = [str(layer) for layer in sandbox.layers]
    if sum(len(layer) + 1 for layer in layers) > MAX_OPTIONS:
        raise EngineError(
            f"{len(layers)} layers have paths of more than {MAX_OPTIONS} bytes together",
            solution="set SCS_BUILD_STORE to a folder with a short path",
        )
    sources = [option for layer in layers for option in ("--overlay-src", layer)]
    if sandbox.upper and sandbox.work:
        return [*sources, "--overlay", str(sandbox.upper), str(sandbox.work), "/"]
    # Mount points may be missing in the layers: they are made in memory, then the root becomes read-only.
    return [*sources, "--tmp-overlay", "/"]


def _mounts(sandbox: Sandbox, tools: ToolsTree) -> list[str]:
    """Return the mount options, parents before what is mounted inside them."""
    mounts: dict[str, list[str]] = {}
    for path, mode in sandbox.tmpfs.items():
        mounts[path] = ["--perms", f"{mode:04o}", "--tmpfs", path]
    mounts |= {path: ["--ro-bind", str(source), path] for path, source in sandbox.inputs.items()}
    mounts |= {path: ["--bind", str(source), path] for path, source in sandbox.binds.items()}
    if sandbox.uid is not None:
        mounts[str(TOOLS_INSIDE)] = ["--ro-bind", str(tools.path), str(TOOLS_INSIDE)]
    # Without these, bubblewrap makes missing parents for root alone; what is there stays as it is.
    for parent in {str(parent) for path in mounts for parent in PurePosixPath(path).parents} - {"/"}:
        mounts.setdefault(parent, ["--perms", "0755", "--dir", parent])
    ordered = sorted(mounts, key=lambda path: PurePosixPath(path).parts)
    return [option for path in ordered for option in mounts[path]]


def _namespaces(sandbox: Sandbox) -> list[str]:
    network = ["--unshare-net"] if sandbox.network == "none" else []
    return [
        *("--unshare-pid", "--unshare-ipc", "--unshare-uts", *network),
        *("--hostname", sandbox.hostname, "--die-with-parent", "--new-session"),
    ]


def _capabilities(sandbox: Sandbox) -> list[str]:
    extra = SWITCH_CAPABILITIES if sandbox.uid is not None else ()
    names = sorted({*sandbox.capabilities, *extra})
    return ["--cap-drop", "ALL", *(option for name in names for option in ("--cap-add", name))]


def _environment(environment: Mapping[str, str] | None) -> list[str]:
    if environment is None:
        return []
    pairs = sorted(environment.items())
    return ["--clearenv", *(option for name, value in pairs for option in ("--setenv", name, value))]


def inside_argv(sandbox: Sandbox, tools: ToolsTree) -> list[str]:
    """Return what is started inside: the command, behind setpriv when the user changes."""
    if sandbox.uid is None:
        return list(sandbox.argv)
    gid = sandbox.uid if sandbox.gid is None else sandbox.gid
    groups = f"--groups={','.join(map(str, sandbox.groups))}" if sandbox.groups else "--clear-groups"
    kept = _setpriv_list(sandbox.capabilities)
    options = [
        *(f"--reuid={sandbox.uid}", f"--regid={gid}", groups, "--no-new-privs"),
        *(f"--bounding-set={kept}", f"--inh-caps={kept}", f"--ambient-caps={kept}"),
    ]
    command = list(sandbox.argv)
    if sandbox.loader:
        pairs = (f"{name}={value}" for name, value in sorted(sandbox.loader.items()))
        command = tools.argv("env", "--", *pairs, *command, at=TOOLS_INSIDE)
    return tools.argv("setpriv", *options, "--", *command, at=TOOLS_INSIDE)


def _setpriv_list(capabilities: Iterable[str]) -> str:
    names = sorted(name.removeprefix("CAP_").lower() for name in capabilities)
    return ",".join(["-all", *(f"+{name}" for name in names)])
