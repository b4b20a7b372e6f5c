"""Images in a sandbox: as a numeric user without privileges, and together in a private network."""

from __future__ import annotations

import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from scs_build.engines.sandbox import TOOLS_INSIDE, Sandbox, namespace_argv, sandbox_argv
from scs_build.engines.tools import ToolsTree
from scs_build.run import run

USER = 42424


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return an image without a single program."""
    image = tmp_path / "image"
    (image / "etc").mkdir(parents=True)
    (image / "etc/name").write_text("an image without a shell\n")
    return image


def output(tools: ToolsTree, sandbox: Sandbox, accept: tuple[int, ...] = (0,)) -> str:
    done = run(sandbox_argv(tools, sandbox), accept=accept)
    return (done.stdout + done.stderr).decode()


def status_of(tools: ToolsTree, sandbox: Sandbox) -> dict[str, str]:
    text = output(
        tools, replace(sandbox, argv=tuple(tools.argv("cat", "/proc/self/status", at=TOOLS_INSIDE)))
    )
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


def inside(tools: ToolsTree, program: str, *args: str) -> tuple[str, ...]:
    return tuple(tools.argv(program, *args, at=TOOLS_INSIDE))


def test_an_image_without_programs_runs_as_its_user_without_privileges(tools: ToolsTree, image: Path) -> None:
    status = status_of(tools, Sandbox(layers=(image,), argv=(), uid=USER, gid=USER + 1))
    assert status["Uid"].split() == [str(USER)] * 4
    assert status["Gid"].split() == [str(USER + 1)] * 4
    assert status["Groups"] == ""
    assert status["NoNewPrivs"] == "1"
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[kind], 16) == 0


def test_declared_capabilities_and_groups_and_no_more(tools: ToolsTree, image: Path) -> None:
    sandbox = Sandbox(
        layers=(image,),
        argv=(),
        uid=USER,
        groups=(7, 8),
        capabilities=("CAP_NET_BIND_SERVICE", "CAP_NET_ADMIN"),
    )
    status = status_of(tools, sandbox)
    assert status["Groups"].split() == ["7", "8"]
    for kind in ("CapEff", "CapBnd", "CapAmb"):
        assert int(status[kind], 16) == 1 << 10 | 1 << 12


@pytest.mark.parametrize("uid", [0, USER])
def test_root_is_read_only_and_tmpfs_is_not(tools: ToolsTree, image: Path, uid: int) -> None:
    sandbox = Sandbox(layers=(image,), argv=(), uid=uid, tmpfs={"/run": 0o755, "/new/cache": 0o1777})
    sandbox = replace(sandbox, capabilities=("CAP_DAC_OVERRIDE",))
    touch = inside(tools, "touch", "/etc/name")
    assert "Read-only" in output(tools, replace(sandbox, argv=touch), accept=(1,))
    assert (image / "etc/name").read_text() == "an image without a shell\n"
    assert output(tools, replace(sandbox, argv=inside(tools, "touch", "/new/cache/file"))) == ""
    assert sorted(path.name for path in image.rglob("*")) == ["etc", "name"]


def test_mounts_are_there_and_writable_only_when_they_shall_be(
    tools: ToolsTree, image: Path, tmp_path: Path
) -> None:
    for name in ("data", "config"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o777)
    sandbox = Sandbox(
        layers=(image,),
        argv=inside(tools, "touch", "/var/data/file"),
        inputs={"/var/data/config": tmp_path / "config"},
        binds={"/var/data": tmp_path / "data"},
        uid=USER,
    )
    output(tools, sandbox)
    assert (tmp_path / "data/file").stat().st_uid == USER
    refused = replace(sandbox, argv=inside(tools, "touch", "/var/data/config/file"))
    assert "Read-only" in output(tools, refused, accept=(1,))


def test_the_network_is_a_loopback_alone(tools: ToolsTree, image: Path) -> None:
    sandbox = Sandbox(layers=(image,), argv=inside(tools, "cat", "/proc/net/dev"), uid=USER)
    devices = [line.split(":")[0].strip() for line in output(tools, sandbox).splitlines()[2:]]
    assert devices == ["lo"]


# Starts a server and a client in two sandboxes, tells what the client read and waits to be told to end.
PAIR = r"""
import subprocess, sys
from pathlib import Path
from scs_build.engines.sandbox import Sandbox, sandbox_argv
from scs_build.engines.tools import ToolsTree

tools, upper, work = ToolsTree(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3])
SERVER = '''use IO::Socket::INET; $| = 1;
my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => 0, Listen => 5) or die $!;
print $s->sockport, "\n"; while (my $c = $s->accept) { print $c "hello\n"; close $c }'''
CLIENT = '''use IO::Socket::INET; my $c = IO::Socket::INET->new("127.0.0.1:$ARGV[0]") or die $!;
open my $f, ">", "/answer" or die $!; print $f $_ = <$c>; print'''

def sandbox(code, *args, **options):
    argv = ("/usr/bin/perl", "-e", code, *args)
    return sandbox_argv(tools, Sandbox(layers=tools.layers, argv=argv, network="shared", **options))

server = subprocess.Popen(sandbox(SERVER, uid=42424), stdout=subprocess.PIPE, text=True)
port = server.stdout.readline().strip()
argv = sandbox(CLIENT, port, upper=upper, work=work)
client = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
print(port, client.stdout.strip(), flush=True)
sys.stdin.read()
"""


def test_two_sandboxes_talk_in_their_private_network_and_nothing_listens_outside(
    tools: ToolsTree, tmp_path: Path
) -> None:
    upper, work = tmp_path / "upper", tmp_path / "work"
    upper.mkdir()
    work.mkdir()
    argv = namespace_argv(tools, [sys.executable, "-c", PAIR, str(tools.path), str(upper), str(work)])
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as stack:
        assert stack.stdin is not None
        assert stack.stdout is not None
        port, answer = stack.stdout.readline().split()
        assert answer == "hello"
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(port))) != 0
        stack.stdin.close()
    assert (upper / "answer").read_text() == "hello\n"
