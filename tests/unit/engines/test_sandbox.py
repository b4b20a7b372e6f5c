"""The command line of a sandbox, as a pure function."""

from __future__ import annotations

from pathlib import Path

import pytest

from scs_build.engines.sandbox import TOOLS_INSIDE, Sandbox, divided, namespace_argv, sandbox_argv
from scs_build.engines.tools import ToolsTree
from scs_build.errors import EngineError


@pytest.fixture
def tools(tmp_path: Path) -> ToolsTree:
    tree = tmp_path / "tree"
    for path in ("usr/lib64/ld-linux-x86-64.so.2", "usr/bin/bwrap", "usr/bin/env", "usr/bin/setpriv"):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(b"\x7fELF")
    return ToolsTree(tree)


def follows(argv: list[str], *part: str) -> int:
    """Return where `part` is in `argv`."""
    return next(at for at in range(len(argv)) if tuple(argv[at : at + len(part)]) == part)


LAYERS = (Path("/low"), Path("/high"))


def test_layers_lie_lowest_first_and_changes_go_to_the_upper(tools: ToolsTree) -> None:
    argv = sandbox_argv(
        tools, Sandbox(layers=LAYERS, argv=("/run-me",), upper=Path("/up"), work=Path("/work"))
    )
    follows(argv, "--overlay-src", "/low", "--overlay-src", "/high", "--overlay", "/up", "/work", "/")
    assert "--remount-ro" not in argv
    assert argv[-2:] == ["--", "/run-me"]


def test_without_an_upper_the_root_is_read_only_after_all_mounts(tools: ToolsTree) -> None:
    argv = sandbox_argv(tools, Sandbox(layers=LAYERS, argv=("x",), binds={"/data": Path("/d")}))
    assert follows(argv, "--tmp-overlay", "/") < follows(argv, "--bind", "/d", "/data")
    assert follows(argv, "--bind", "/d", "/data") < follows(argv, "--remount-ro", "/")


def test_parents_are_mounted_before_what_lies_inside_them(tools: ToolsTree) -> None:
    sandbox = Sandbox(
        layers=LAYERS, argv=("x",), inputs={"/a/b": Path("/1"), "/a-b": Path("/3")}, binds={"/a": Path("/2")}
    )
    argv = sandbox_argv(tools, sandbox)
    assert follows(argv, "--bind", "/2", "/a") < follows(argv, "--ro-bind", "/1", "/a/b")


@pytest.mark.parametrize(("network", "alone"), [("none", True), ("shared", False)])
def test_the_network_is_its_own_unless_shared(tools: ToolsTree, network: str, alone: bool) -> None:
    argv = sandbox_argv(tools, Sandbox(layers=LAYERS, argv=("x",), network=network))  # type: ignore[arg-type]
    assert ("--unshare-net" in argv) is alone


def test_a_user_starts_behind_setpriv_with_what_was_declared(tools: ToolsTree) -> None:
    sandbox = Sandbox(layers=LAYERS, argv=("x",), uid=7, gid=8, capabilities=("CAP_NET_RAW",))
    argv = sandbox_argv(tools, sandbox)
    follows(argv, "--reuid=7", "--regid=8", "--clear-groups", "--no-new-privs")
    follows(argv, "--bounding-set=-all,+net_raw", "--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw")
    assert argv[-2:] == ["--", "x"]


def test_everything_dies_with_the_caller(tools: ToolsTree) -> None:
    assert "--die-with-parent" in sandbox_argv(tools, Sandbox(layers=LAYERS, argv=("x",)))
    assert "--die-with-parent" in namespace_argv(tools, ["x"])


def test_too_many_layers_for_one_mount_are_an_error(tools: ToolsTree) -> None:
    with pytest.raises(EngineError, match="50 layers"):
        sandbox_argv(tools, Sandbox(layers=(Path("/" + "x" * 99),) * 50, argv=("x",)))


def test_the_loader_is_told_nothing_before_the_command(tools: ToolsTree) -> None:
    environment, loader = divided(
        {"LD_PRELOAD": "/x.so", "GLIBC_TUNABLES": "a=b", "PATH": "/bin", "OLD_LD": "1"}
    )
    assert environment == {"PATH": "/bin", "OLD_LD": "1"}
    argv = sandbox_argv(tools, Sandbox(layers=LAYERS, argv=("x",), uid=7, environment=None, loader=loader))
    assert argv[-5:-3] == [str(TOOLS_INSIDE / "usr/bin/env"), "--"]
    assert argv[-3:] == ["GLIBC_TUNABLES=a=b", "LD_PRELOAD=/x.so", "x"]
