"""The keeper as an ordinary process, not the first of a namespace: what it passes on and when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from scs_build.engines.supervise import KEEPER, Leash

Result = subprocess.CompletedProcess[str]


@pytest.fixture
def leash() -> Iterator[Leash]:
    with Leash() as leash:
        yield leash


def kept(leash: Leash, *argv: str, env: dict[str, str] | None = None) -> Result:
    command = [sys.executable, "-I", "-S", str(KEEPER), str(leash.end), *argv]
    return subprocess.run(
        command, pass_fds=(leash.end,), env=env, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 128 + 15)])
def test_the_status_is_that_of_the_command(leash: Leash, script: str, status: int) -> None:
    assert kept(leash, "/bin/sh", "-c", script).returncode == status


def test_what_it_cannot_start_is_told_as_by_a_shell(leash: Leash) -> None:
    done = kept(leash, "/no/such")
    assert (done.returncode, done.stderr) == (127, "/no/such: No such file or directory\n")


def test_a_cut_leash_ends_it_whatever_the_command_does(leash: Leash) -> None:
    command = [sys.executable, "-I", "-S", str(KEEPER), str(leash.end)]
    script = ["/bin/sh", "-c", "echo $$; exec sleep 60"]
    with subprocess.Popen([*command, *script], pass_fds=(leash.end,), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        sleeper = int(process.stdout.readline())
        leash.cut()
        assert process.wait(60) == 128 + 9
        os.kill(sleeper, signal.SIGKILL)  # nobody else does: the keeper was not the first of a namespace


def test_after_the_leash_was_cut_nothing_starts(leash: Leash) -> None:
    leash.cut()
    done = kept(leash, "/bin/echo", "started")
    assert (done.returncode, done.stdout) == (128 + 9, "")


def test_the_command_gets_the_environment_as_it_was(leash: Leash) -> None:
    # No locale (an interpreter would set one), and a name that no shell knows.
    environment = {"A": "1=2", "discovery.type": "single", "EMPTY": ""}
    lines = kept(leash, "/usr/bin/env", env=environment).stdout.splitlines()
    assert dict(line.split("=", 1) for line in lines) == environment


def test_the_command_gets_no_descriptor_and_no_ignored_signal_of_the_keeper(leash: Leash) -> None:
    script = "ls /proc/self/fd; grep SigIgn /proc/self/status"
    *descriptors, ignored = kept(leash, "/bin/sh", "-c", script).stdout.splitlines()
    assert descriptors == ["0", "1", "2", "3"]  # the last is what `ls` reads
    assert int(ignored.split()[1], 16) & sum(1 << (number - 1) for number in (13, 25)) == 0


def test_a_leash_may_be_cut_twice_and_after_its_end(leash: Leash) -> None:
    leash.cut()
    leash.cut()
    assert leash.is_cut
    assert os.read(leash.end, 8) == b"\n"
