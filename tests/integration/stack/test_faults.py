"""Stacks that go wrong, and runs that are cut short."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from scs_build.errors import CheckFailed, ProgramError
from scs_build.stack.processes import descendants
from scs_build.stack.run import StackRun
from scs_build.store.store import Store
from tests.integration.conftest import ROOT

RunSmall = Callable[[str], StackRun]
PYTHON = "/usr/bin/python3"
QUICK = "start_period: 60s, start_interval: 10ms"
TMP = "tmpfs: ['/tmp:mode=1777']"
INNER = "\0".join((sys.executable, "-m", "scs_build.stack.inside")).encode()


def service(name: str, code: str, more: str = "") -> str:
    lines = [
        f"{name}:",
        "    image: python:${SERIES}",
        "    command:",
        f"      - {PYTHON}",
        "      - -c",
        "      - |",
    ]
    return "\n".join(
        [*lines, *(f"        {line}" for line in code.splitlines()), *([f"    {more}"] if more else [])]
    )


def test_a_service_that_dies_fails_the_run_with_its_last_lines(run_small: RunSmall, tmp_path: Path) -> None:
    with pytest.raises(CheckFailed) as caught:
        run_small(
            service("dies", "for n in range(20): print('line', n)\nraise SystemExit(3)")
            + "\n\n"
            + service("waits", "pass", "depends_on: {dies: {condition: service_completed_successfully}}")
        )
    assert "the service dies ended with status 3" in caught.value.reason
    assert "line 19" in caught.value.reason
    assert "line 4\n" not in caught.value.reason
    assert str(tmp_path / "logs/dies.log") in (caught.value.solution or "")
    assert not (tmp_path / "logs/waits.log").exists()


def test_a_service_that_never_gets_healthy_fails_the_run(run_small: RunSmall) -> None:
    check = (
        f"healthcheck: {{test: [CMD, {PYTHON}, -c, \"raise SystemExit('not yet')\"], interval: 10ms,"
        " start_interval: 10ms, start_period: 1ms, retries: 2}"
    )
    with pytest.raises(CheckFailed, match="sick is not healthy: not yet"):
        run_small(service("sick", "import time; time.sleep(600)", check))


def test_a_service_that_does_not_end_is_killed_and_that_fails_the_run(run_small: RunSmall) -> None:
    # It is told to end only once it ignores that: the healthcheck sees the file.
    code = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nopen('/tmp/deaf', 'w')\ntime.sleep(600)"
    check = f"healthcheck: {{test: [CMD, {PYTHON}, -c, \"open('/tmp/deaf')\"], {QUICK}}}"
    with pytest.raises(CheckFailed, match="deaf did not end"):
        run_small(service("deaf", code, f"{check}\n    {TMP}\n    stop_grace_period: 100ms"))


def test_a_step_has_to_end_also_when_it_was_healthy_before(run_small: RunSmall, tmp_path: Path) -> None:
    code = (
        "import os, time\n"
        "while not os.path.exists('/tmp/asked'):\n"
        "    time.sleep(0.01)\n"
        "time.sleep(1)\n"
        "raise SystemExit(3)"
    )
    check = f"healthcheck: {{test: [CMD, {PYTHON}, -c, \"open('/tmp/asked', 'w')\"], {QUICK}}}"
    with pytest.raises(CheckFailed, match="step ended with status 3"):
        run_small(
            service("step", code, f"{check}\n    {TMP}")
            + "\n\n"
            + service("last", "pass", "depends_on: {step: {condition: service_completed_successfully}}")
        )
    assert not (tmp_path / "logs/last.log").exists()


def test_a_service_can_write_only_where_its_file_says(run_small: RunSmall) -> None:
    code = (
        "import os\n"
        "open('/tmp/mine', 'w')\n"
        "for place in ('/x', '/etc/x', '/usr/x', '/run/x', '/var/x'):\n"
        "    try:\n"
        "        open(place, 'w')\n"
        "    except OSError:\n"
        "        continue\n"
        "    raise SystemExit(place)\n"
        "status = open('/proc/self/status').read().split('\\n')\n"
        "facts = dict(line.split(':\\t') for line in status if ':\\t' in line)\n"
        "assert not any(int(facts[name], 16) for name in ('CapEff', 'CapPrm', 'CapBnd', 'CapAmb')), facts\n"
        "assert facts['NoNewPrivs'].strip() == '1' and os.getuid() and os.getgid(), facts"
    )
    facts = run_small(
        service("probe", code, TMP)
        + "\n\n"
        + service("after", "pass", "depends_on: {probe: {condition: service_completed_successfully}}")
        + "\n\n"
        + service(
            "last",
            "import time; time.sleep(600)",
            "depends_on: {after: {condition: service_completed_successfully}}",
        )
    ).facts
    assert facts["ended"].keys() == {"last"}


SLOW = """\
import os, signal, time
def end(*_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(SECONDS)
    os.write(1, b"ended in its own time")
    os._exit(0)
signal.signal(signal.SIGTERM, end)
os.write(1, b"up, ")
time.sleep(600)"""


def test_after_an_interrupt_each_service_gets_the_time_to_end(run_small: RunSmall, tmp_path: Path) -> None:
    never = f"healthcheck: {{test: [CMD, {PYTHON}, -c, raise SystemExit(1)]}}\n    stop_grace_period: 60s"
    first = service("first", SLOW.replace("SECONDS", "0"))
    after = service(
        "after",
        SLOW.replace("SECONDS", "5"),
        f"depends_on: {{first: {{condition: service_started}}}}\n    {never}",
    )
    logs = [tmp_path / "logs/first.log", tmp_path / "logs/after.log"]

    def interrupt() -> None:
        while not all(log.is_file() and log.read_text() == "up, " for log in logs):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run_small(f"{first}\n\n{after}")
    assert [log.read_text() for log in logs] == ["up, ended in its own time"] * 2


@pytest.fixture
def proving(store: Store, images: object, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`scs-build prove`, interrupted once its services are there."""
    argv = [sys.executable, "-m", "scs_build", "prove", "--root", ROOT, "--store", store.root, "-o", tmp_path]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as process:
        log = tmp_path / "logs/identity/mariadb.log"
        while not log.is_file() or "ready for connections" not in log.read_text():
            assert process.poll() is None
            time.sleep(0.02)
        yield process
        process.kill()


def alive(pids: list[int]) -> list[int]:
    """Return which of the processes did not end; whether somebody took their status is not the question."""
    found = []
    for pid in pids:
        with suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.append(pid)
    return found


def test_killing_the_runner_leaves_no_process_and_no_mount(
    proving: subprocess.Popen[bytes], store: Store
) -> None:
    below = list(descendants(proving.pid))
    assert len(below) > 5
    proving.kill()
    proving.wait()
    deadline = time.monotonic() + 30
    while (left := alive(below)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert left == []
    assert str(store.root) not in Path("/proc/mounts").read_text()


def test_killing_the_inner_process_ends_the_run_with_an_error(proving: subprocess.Popen[bytes]) -> None:
    below = list(descendants(proving.pid))
    inner = next(pid for pid in below if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(INNER))
    os.kill(inner, signal.SIGKILL)
    assert proving.wait() == ProgramError.exit_code
    assert alive(below) == []


def test_an_interrupt_ends_the_services_first(proving: subprocess.Popen[bytes], tmp_path: Path) -> None:
    os.kill(proving.pid, signal.SIGINT)
    os.kill(proving.pid, signal.SIGTERM)
    assert proving.wait() == 130
    assert not (tmp_path / "logs/identity/keystone.log").exists()  # what had not started never did
    assert "Shutdown complete" in (tmp_path / "logs/identity/mariadb.log").read_text()
