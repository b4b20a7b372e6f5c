import os
import signal
import subprocess
import sys
import time
from io import FileIO
from pathlib import Path

import pytest

from scs_build.cli.ends import INTERRUPTED
from scs_build.store.store import Store
from tests.integration.conftest import ROOT


def command(store: Store, *arguments: str | Path) -> list[str | Path]:
    return [sys.executable, "-m", "scs_build", "run", "--root", ROOT, "--store", store.root, *arguments]


def test_the_streams_and_the_status_of_a_command_are_the_callers(store: Store, images: object) -> None:
    code = "import sys; print(sys.stdin.read().upper()); print('oh', file=sys.stderr); sys.exit(5)"
    argv = command(store, "python", "--", "/usr/bin/python3", "-c", code)
    done = subprocess.run(argv, input=b"hello", capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (5, b"HELLO\n", b"oh\n")


def test_user_environment_and_volumes(store: Store, images: object, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("from outside")
    os.chown(tmp_path, 4711, 4711)
    tmp_path.chmod(0o755)
    code = (
        "import os\n"
        "told = f\"{os.getuid()}:{os.getgid()} {os.environ['A']} {open('/x/in').read()}\"\n"
        "open('/x/out', 'w').write(told)"
    )
    options = ("--user", "4711", "--env", "A=b", "--volume", f"{tmp_path}:/x")
    subprocess.run(command(store, "python", *options, "--", "/usr/bin/python3", "-c", code), check=True)
    assert (tmp_path / "out").read_text() == "4711:4711 b from outside"


def test_what_the_loader_is_told_reaches_the_program_and_none_of_ours_before_it(
    store: Store, images: object
) -> None:
    """As root they would load what an image or a caller names."""
    argv = command(store, "--env", "LD_DEBUG=statistics", "--env", "A=b c", "python")
    code = "import os; print(os.environ['LD_DEBUG'], os.environ['A'], os.environ['PATH'])"
    done = subprocess.run([*argv, "--", "/usr/bin/python3", "-c", code], capture_output=True, check=True)
    assert done.stdout.startswith(b"statistics b c /")
    assert done.stderr.count(b"total startup time in dynamic loader") == 1


def test_there_is_no_network_but_a_loopback(store: Store, images: object) -> None:
    code = "import socket; print([name for _, name in socket.if_nameindex()])"
    argv = command(store, "python", "--", "/usr/bin/python3", "-c", code)
    assert subprocess.run(argv, capture_output=True, check=True).stdout == b"['lo']\n"


def test_a_service_ends_well_when_interrupted(store: Store, images: object, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as stream, subprocess.Popen(command(store, "mariadb"), stderr=stream) as process:
        while "ready for connections" not in log.read_text():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
    assert "\ninterrupted; mariadb is told to end\n" in log.read_text()
    assert "Shutdown complete" in log.read_text()


# Tells what it reads, then waits for its end and tells of that too.
TALKER = """
import os, signal, sys, time
def end(number, frame):
    os.write(1, b"told %d" % number)
    time.sleep(0.2)
    os.write(1, b" and done")
    raise SystemExit(3)
signal.signal(signal.SIGTERM, end)
print("ready" if sys.stdin.isatty() else "no terminal", flush=True)
print(input().upper(), flush=True)
while True: time.sleep(1)
"""


@pytest.mark.parametrize("how", ["^C", "SIGTERM"])
def test_a_program_talks_with_a_terminal_and_ends_in_its_own_time(
    store: Store, images: object, how: str
) -> None:
    ours, its = os.openpty()
    argv = ["setsid", "--ctty", *command(store, "python", "--", "/usr/bin/python3", "-c", TALKER)]
    with (
        FileIO(ours, "r+") as terminal,
        subprocess.Popen(argv, stdin=its, stdout=its, stderr=its) as run,
    ):
        os.close(its)
        wait_for(terminal, b"ready")
        terminal.write(b"hello\n")
        wait_for(terminal, b"HELLO")
        if how == "^C":
            terminal.write(b"\x03")
        else:
            run.send_signal(signal.SIGTERM)
        wait_for(terminal, b"told 15 and done")
        assert run.wait() == 3


def wait_for(terminal: FileIO, text: bytes) -> None:
    seen = b""
    while text not in seen:
        seen += terminal.read(1024)  # raises OSError when everybody else has closed it


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_program_that_takes_no_care_of_its_end_has_the_status_of_what_came(
    store: Store, images: object, number: signal.Signals
) -> None:
    code = "import time; print(1, flush=True); time.sleep(600)"
    argv = command(store, "python", "--", "/usr/bin/python3", "-c", code)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout and run.stderr and run.stdout.readline() == b"1\n"
        run.send_signal(number)
        assert run.wait() == 128 + number
        assert run.stderr.read().decode() == f"\n{INTERRUPTED[128 + number]}; python is told to end\n"


def test_a_program_that_is_not_there_ends_as_in_a_shell(store: Store, images: object) -> None:
    done = subprocess.run(command(store, "python", "--", "/none"), capture_output=True, check=False)
    assert done.returncode == 127
    assert b"error: python has no program /none\n" in done.stderr
