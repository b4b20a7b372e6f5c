"""What an image finds in a restricted container: nothing but what was asked for; and how each end is told."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from scs_build.build.build import BuildResult
from scs_build.engines.tools import ToolsTree
from scs_build.evidence.restricted import Ran, Restricted, Runner
from scs_build.evidence.subject import Subject
from scs_build.progress import Silent
from scs_build.recipes.models import Health
from scs_build.stack import restricted
from scs_build.stack.restricted import NativeRunner
from scs_build.stack.restricted_docker import DockerRunner
from scs_build.store.store import Store
from tests.integration.conftest import PLATFORM, graph_of
from tests.integration.daemon import Daemon

SERVER = """
import http.server, signal, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if self.path == "/ill" else 404)
        self.end_headers()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(int(sys.argv[1])))
http.server.HTTPServer(("127.0.0.1", 8080), Answer).serve_forever()
"""


@pytest.fixture(scope="module")
def make_runners(
    store: Store, tools: ToolsTree, docker_daemon: Daemon
) -> Iterator[dict[str, Callable[[], Runner]]]:
    """What makes the runner of each engine; they are closed at the end."""
    with ExitStack() as ends:
        yield {
            "native": lambda: ends.enter_context(closing(NativeRunner(lambda: tools, Silent()))),
            "docker": lambda: ends.enter_context(closing(DockerRunner(PLATFORM, store, lambda: tools))),
        }


@pytest.fixture(scope="module")
def runners(make_runners: dict[str, Callable[[], Runner]]) -> dict[str, Runner]:
    """One for all tests of an engine: images are sent once."""
    return {name: make() for name, make in make_runners.items()}


@pytest.fixture(params=["native", "docker"])
def engine(request: pytest.FixtureRequest, at_docker_daemon: Daemon) -> str:
    return str(request.param)


@pytest.fixture
def runner(engine: str, runners: dict[str, Runner]) -> Runner:
    return runners[engine]


@pytest.fixture(scope="session")
def python(store: Store, built: BuildResult) -> Subject:
    return Subject.of(graph_of(), store, "python", 2)


def code(text: str, *args: str, **asked: object) -> Restricted:
    return Restricted(("/usr/bin/python3", "-c", text, *args), **asked)  # type: ignore[arg-type]


def test_it_is_the_image_s_user_without_any_privilege(runner: Runner, python: Subject) -> None:
    ran = runner.run(python, code("print(open('/proc/self/status').read())"))
    facts = dict(line.split(":\t", 1) for line in ran.output.splitlines() if ":\t" in line)
    assert ran.problem == ""
    assert facts["Uid"].split() == facts["Gid"].split() == ["42400"] * 4
    assert (facts["Groups"].strip(), facts["NoNewPrivs"]) == ("", "1")
    assert {facts[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}


def test_it_has_the_capabilities_that_are_declared_and_no_others(runner: Runner, python: Subject) -> None:
    ran = runner.run(
        python, code("print(open('/proc/self/status').read())", capabilities=("CAP_NET_BIND_SERVICE",))
    )
    facts = dict(line.split(":\t", 1) for line in ran.output.splitlines() if ":\t" in line)
    assert {facts[name] for name in ("CapPrm", "CapEff", "CapBnd")} == {f"{1 << 10:016x}"}


def test_the_root_is_read_only_but_for_what_is_declared(runner: Runner, python: Subject) -> None:
    write = "import sys; open(sys.argv[1] + '/x', 'w').write('x')"
    for path in ("", "/usr/lib", "/etc", "/var/lib"):
        ran = runner.run(python, code(write, path))
        assert ran.problem == "ended with status 1", path
        assert "Read-only file system" in ran.output
    assert runner.run(python, code(write, "/var/lib/made", writable=("/var/lib/made",))) == Ran("")
    assert runner.run(python, code(write, "/tmp")) == Ran("")


def test_it_has_no_network_but_a_loopback_and_no_device_of_the_host(runner: Runner, python: Subject) -> None:
    ran = runner.run(
        python,
        code("import socket, os; print([n for _, n in socket.if_nameindex()], os.path.exists('/dev/sda'))"),
    )
    assert ran.output == "['lo'] False\n"


def test_it_gets_the_environment_of_the_image_alone(
    runner: Runner, python: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_CALLER", "x")
    ran = runner.run(python, code("import os; print(sorted(os.environ))", environment={"A": "b"}))
    assert ran.output == "['A', 'LANG', 'PATH', 'PWD']\n"  # bubblewrap says where the command starts


def test_memory_is_bounded(runner: Runner, python: Subject) -> None:
    ran = runner.run(python, code("bytearray(3 << 30)", memory=1 << 30))
    assert ran.problem == "ended with status 1"
    assert "MemoryError" in ran.output


def test_a_command_that_does_not_end_is_ended_with_all_that_it_started(
    runner: Runner, python: Subject
) -> None:
    mark = f"mark-{os.getpid()}-{time.time_ns()}"
    start = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)', sys.argv[1]])\n"
        "print('started', flush=True); time.sleep(99)"
    )
    began = time.monotonic()
    ran = runner.run(python, code(start, mark, timeout=2))
    assert ran.problem == "did not end within 2 s"
    assert "started" in ran.output
    assert time.monotonic() - began < 30
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if mark.encode() in read(path)]


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_ends_are_told_by_status_and_signal(runner: Runner, python: Subject) -> None:
    assert runner.run(python, code("raise SystemExit(3)")).problem == "ended with status 3"
    killed = runner.run(python, code("import os; os.kill(os.getpid(), 11)"))
    assert killed.problem == "was ended by signal 11"
    assert runner.run(python, Restricted(("/none",))).problem == "ended with status 127"


def test_a_service_gets_healthy_and_ends_when_told_to(
    runner: Runner, store: Store, built: BuildResult
) -> None:
    subject = Subject.of(graph_of(), store, "memcached", 2)
    service = subject.component.recipe.services["memcached"]
    assert service.health is not None
    ran = runner.serve(subject, Restricted(service.command), service.health, 11211)
    assert ran.problem == ""


@pytest.mark.parametrize(
    ("health", "status", "problem"),
    [
        (Health(http="/"), "0", ""),
        (Health(tcp=True), "0", ""),
        (Health(command=("/usr/bin/python3", "-c", "open('/proc/self/status')")), "0", ""),
        (Health(http="/"), "4", "ended with status 4 when it was told to end"),
        (Health(http="/ill"), "0", "is not healthy after 4 s (127.0.0.1:8080/ill: status 503)"),
        (
            Health(command=("/usr/bin/python3", "-c", "raise SystemExit('still loading')")), "0",
            "is not healthy after 4 s (still loading)",
        ),
    ],
)  # fmt: skip
def test_health_is_asked_in_each_way(
    runner: Runner, python: Subject, health: Health, status: str, problem: str
) -> None:
    assert runner.serve(python, code(SERVER, status, timeout=4), health, 8080).problem == problem


def test_a_service_that_ends_by_itself_is_told_with_its_output(runner: Runner, python: Subject) -> None:
    ran = runner.serve(python, code("print('no database'); raise SystemExit(7)"), Health(tcp=True), 8080)
    assert ran == Ran("ended with status 7 before it was healthy", "no database\n")


def test_a_service_that_does_not_end_is_killed(
    runner: Runner, python: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restricted, "GRACE_SECONDS", 1.0)
    stubborn = SERVER.replace("lambda *_: sys.exit(int(sys.argv[1]))", "signal.SIG_IGN")
    ran = runner.serve(python, code(stubborn, "0"), Health(tcp=True), 8080)
    assert ran.problem == "did not end within 1 s when it was told to (SIGTERM)"


def test_what_was_cancelled_ends_and_nothing_starts_any_more(
    engine: str, make_runners: dict[str, Callable[[], Runner]], python: Subject
) -> None:
    runner = make_runners[engine]()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(runner.run, python, code("import time; time.sleep(99)"))
        while not runner._running:  # type: ignore[attr-defined]
            time.sleep(0.05)
        runner.cancel()
        assert isinstance(running.exception(timeout=30), KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        runner.run(python, code("pass"))
    with pytest.raises(KeyboardInterrupt):
        runner.serve(python, code("pass"), Health(tcp=True), 1)
