"""Steps in each engine: what they see, what they leave, and how they end. All engines answer alike."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scs_build.engines.spec import Engine, StepSpec
from scs_build.errors import EngineError, StepError
from scs_build.oci.tree import index, removals
from tests.integration.daemon import wait_until

Step = Callable[..., Path]
MakeEngine = Callable[[], Engine]
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")


@pytest.fixture
def lower(tmp_path: Path) -> Path:
    lower = tmp_path / "lower"
    (lower / "data/old").mkdir(parents=True)
    (lower / "data/removed").write_text("x")
    (lower / "data/old/file").write_text("x")
    return lower


@pytest.fixture
def step(make_engine: MakeEngine, base: Path, lower: Path, tmp_path: Path) -> Step:
    """Return a function that runs a shell script as a step and returns its layer."""

    def run_step(script: str, engine: Engine | None = None, **options: object) -> Path:
        into = tmp_path / "into"
        into.mkdir()
        argv = ("/bin/sh", "-ec", script)
        spec = StepSpec(name="step", argv=argv, layers=(base, lower), **options)  # type: ignore[arg-type]
        (engine or make_engine()).run(spec, into, tmp_path / "log")
        return into

    return run_step


def paths(tree: Path) -> set[str]:
    return {str(path.relative_to(tree)) for path in tree.rglob("*")}


def test_the_result_holds_the_changes_and_nothing_else(step: Step, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    into = step(
        "rm /data/removed; rm -r /data/old; mkdir /data/old; echo new > /data/new; mkdir -p /empty/dir;"
        "touch /tmp/x /run/x /etc/hosts; chmod 0755 /usr/share; touch /var/gone; rm /var/gone",
        inputs={"/inputs/deep/source": tmp_path / "source"},
    )
    expected = {"data", "data/removed", "data/old", "data/old/file", "data/new", "empty", "empty/dir"}
    # A file made in /etc or /var changes the directory's time only, and times are not part of a layer.
    assert paths(into) == expected
    assert removals(into) == ["data/old/file", "data/removed"]
    assert (into / "data/new").read_text() == "new\n"
    assert (into / "data/new").stat().st_mode & 0o777 == 0o644
    assert into.stat().st_mode & 0o777 == 0o755


def test_the_next_step_sees_the_result_of_the_one_before(
    step: Step, make_engine: MakeEngine, base: Path, lower: Path
) -> None:
    first = step("rm /data/removed; rm -r /data/old; mkdir /data/old; echo 1 > /data/new")
    second, log = first.with_name("second"), first.with_name("log2")
    second.mkdir()
    script = "cd /data; ls; ls old; cat new"
    spec = StepSpec(name="next", argv=("/bin/sh", "-c", script), layers=(base, lower, first))
    make_engine().run(spec, second, log)
    assert log.read_text() == "new\nold\n1\n"
    assert paths(second) == set()


def test_a_step_finds_the_same_surroundings_everywhere(
    step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FROM_THE_CALLER", "1")
    before = os.umask(0o077)
    script = "umask; hostname; ulimit -n; ulimit -c; nproc; env | sort"
    try:
        step(script, environment={"PATH": "/usr/bin", "A": "b"})
    finally:
        os.umask(before)
    assert (tmp_path / "log").read_text().splitlines() == [
        "0022", "build", "4096", "0", "1", "A=b", "HOME=/nonexistent", "LC_ALL=C.UTF-8", "OMP_NUM_THREADS=1",
        "PATH=/usr/bin", "PWD=/", "PYTHON_CPU_COUNT=1", "SOURCE_DATE_EPOCH=1577836800",
    ]  # fmt: skip


def test_a_step_has_a_loopback_and_no_other_network_and_few_processes(step: Step, tmp_path: Path) -> None:
    step("tail -n +3 /proc/net/dev | cut -d: -f1; ls -d /proc/[0-9]* | wc -l; cat /proc/net/route | wc -l")
    device, processes, routes = (tmp_path / "log").read_text().split()
    assert device == "lo"
    assert int(processes) < 8
    assert int(routes) <= 1  # the heading


def test_inputs_are_readable_and_not_writable(step: Step, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/file").write_text("content\n")
    with pytest.raises(StepError, match="Read-only file system"):
        step("cat /source/file; echo x > /source/file", inputs={"/source": tmp_path / "source"})
    assert "content\n" in (tmp_path / "log").read_text()


def test_a_failure_tells_the_end_of_the_log_its_place_and_how_to_repeat_it(
    step: Step, tmp_path: Path
) -> None:
    with pytest.raises(StepError) as caught:
        step("seq 100; exit 3")
    assert caught.value.reason.startswith("step ended with status 3\n    86\n")
    assert str(tmp_path / "log") in str(caught.value.solution)
    assert "seq 100; exit 3" in (tmp_path / "log").read_text().splitlines()[-1]
    assert not (tmp_path / "into.work").exists()


def test_a_command_that_is_not_there_is_the_fault_of_the_step(
    make_engine: MakeEngine, base: Path, tmp_path: Path
) -> None:
    (tmp_path / "into").mkdir()
    spec = StepSpec(name="step", argv=("/no/such",), layers=(base,))
    with pytest.raises(StepError, match=r"[Nn]o such file"):
        make_engine().run(spec, tmp_path / "into", tmp_path / "log")


def test_a_layer_that_is_not_there_is_the_fault_of_the_machine(
    make_engine: MakeEngine, base: Path, tmp_path: Path
) -> None:
    (tmp_path / "into").mkdir()
    spec = StepSpec(name="step", argv=("/bin/true",), layers=(base, tmp_path / "missing"))
    with pytest.raises(EngineError, match="missing"):
        make_engine().run(spec, tmp_path / "into", tmp_path / "log")


def test_a_step_that_takes_too_long_is_ended(step: Step) -> None:
    with pytest.raises(StepError, match=r"did not end within 0\.5 s"):
        step("sleep 60", timeout=0.5)


def test_cancel_ends_what_runs_and_lets_nothing_start(
    step: Step, make_engine: MakeEngine, tmp_path: Path
) -> None:
    engine, errors = make_engine(), []

    def worker() -> None:
        try:
            step("echo started; sleep 60", engine)
        except StepError as error:
            errors.append(str(error))

    thread = threading.Thread(target=worker)
    thread.start()
    wait_until(lambda: (tmp_path / "log").exists() and (tmp_path / "log").read_text() == "started\n")
    engine.cancel()
    thread.join(timeout=20)
    assert not thread.is_alive()
    assert "cancelled" in errors[0]
    (tmp_path / "into").rename(tmp_path / "first")
    with pytest.raises(StepError, match="cancelled"):
        step("true", engine)


MESSY = """
cd /data
printf xx > grown; touch same; chmod 4755 mode; chown 5:6 owner; rm link; ln -s ./b//c link
ln first second; ln /usr/bin/env other; rm -r folder; echo file > folder; rm file; mkdir file
echo 1 > file/in; mkfifo pipe
rm -r replaced; mkdir replaced; printf old > replaced/kept; echo 2 > replaced/new
mkdir -m 1777 sticky; mkdir deep; chmod 0700 deep; mkdir -p deep/er; touch deep/er/file; rm gone
chmod 0755 /usr/bin/env; head -c 3000000 /dev/zero > zeros; rm -r /var/log; mkdir /var/log
"""
BEFORE = ("grown", "mode", "owner", "first", "file", "gone", "folder/in", "replaced/kept", "replaced/gone")


def test_both_engines_leave_the_same_layer(step: Step, lower: Path) -> None:
    for name in BEFORE:
        (lower / "data" / name).parent.mkdir(exist_ok=True)
        (lower / "data" / name).write_text("old" if name == "replaced/kept" else "x")
    (lower / "data/same").write_text("y")
    (lower / "data/link").symlink_to("a")
    into = step(MESSY)
    found = {path: (m.type, oct(m.mode), m.uid, m.gid, m.size, m.link) for path, m in index(into).items()}
    # What was touched and is as it was is no change: `same`, `first`, `replaced/kept`, `usr/bin/env`.
    assert found == {
        "data": ("dir", "0o755", 0, 0, 0, ""),
        "data/deep": ("dir", "0o700", 0, 0, 0, ""),
        "data/deep/er": ("dir", "0o755", 0, 0, 0, ""),
        "data/deep/er/file": ("file", "0o644", 0, 0, 0, ""),
        "data/file": ("dir", "0o755", 0, 0, 0, ""),
        "data/file/in": ("file", "0o644", 0, 0, 2, ""),
        "data/folder": ("file", "0o644", 0, 0, 5, ""),
        "data/grown": ("file", "0o644", 0, 0, 2, ""),
        "data/link": ("link", "0o777", 0, 0, 0, "./b//c"),
        "data/mode": ("file", "0o4755", 0, 0, 1, ""),
        "data/other": ("file", "0o755", 0, 0, (into / "data/other").stat().st_size, ""),
        "data/owner": ("file", "0o644", 5, 6, 1, ""),
        "data/pipe": ("fifo", "0o644", 0, 0, 0, ""),
        "data/replaced": ("dir", "0o755", 0, 0, 0, ""),
        "data/replaced/new": ("file", "0o644", 0, 0, 2, ""),
        "data/second": ("file", "0o644", 0, 0, 1, ""),
        "data/sticky": ("dir", "0o1777", 0, 0, 0, ""),
        "data/zeros": ("file", "0o644", 0, 0, 3000000, ""),
    }
    assert removals(into) == ["data/gone", "data/replaced/gone"]
    assert (into / "data/other").read_bytes()[:4] == b"\x7fELF"


def test_a_step_has_its_capabilities_and_no_others(step: Step, tmp_path: Path) -> None:
    step("cat /proc/self/status", capabilities=("CAP_CHOWN", "CAP_SETFCAP", "CAP_SYS_ADMIN"))
    lines = (line.partition(":") for line in (tmp_path / "log").read_text().splitlines())
    status = {name: value.strip() for name, _, value in lines}
    for kind in ("CapPrm", "CapEff"):
        assert int(status[kind], 16) == 1 << 0 | 1 << 31 | 1 << 21
    assert status["NoNewPrivs"] == "1"  # so that no file gives it more
    assert status["Uid"].split() == status["Gid"].split() == ["0"] * 4


def test_output_is_in_the_log_while_the_step_runs(step: Step, tmp_path: Path) -> None:
    (tmp_path / "go").mkdir()
    with ThreadPoolExecutor() as pool:
        running = pool.submit(step, "echo one; echo two >&2; sleep 5; echo three")
        log = tmp_path / "log"
        wait_until(lambda: log.exists() and sorted(log.read_text().split()) == ["one", "two"])
        assert not running.done()
        running.result()
    assert log.read_text().split()[-1] == "three"


def test_a_step_that_fails_leaves_what_it_had_changed(step: Step, tmp_path: Path) -> None:
    with pytest.raises(StepError) as caught:
        step("mkdir /left; echo half > /left/file; rm /data/removed; exit 3")
    assert not caught.value.cancelled
    into = tmp_path / "into"
    assert (into / "left/file").read_text() == "half\n"
    assert removals(into) == ["data/removed"]
