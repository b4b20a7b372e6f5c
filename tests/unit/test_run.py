import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from scs_build.errors import ProgramError
from scs_build.interrupts import interrupts
from scs_build.run import end_programs, run

# A program that starts another one, tells its number, and waits for it.
PARENT = "sleep 60 & echo $! > {}.new; mv {}.new {}; wait"


def parent(told: Path) -> list[str]:
    return ["/bin/sh", "-c", PARENT.format(told, told, told)]


def child(told: Path) -> int:
    """Return the number of the program's own child once it is there."""
    while not told.exists():
        time.sleep(0.01)
    return int(told.read_text())


def wait_until_gone(pid: int) -> None:
    with suppress(FileNotFoundError):
        while "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text():
            time.sleep(0.01)


def test_a_program_reads_nothing_unless_told() -> None:
    assert run(["/usr/bin/readlink", "/proc/self/fd/0"]).stdout == b"/dev/null\n"
    assert run(["/bin/cat"], stdin=b"told\n").stdout == b"told\n"


def test_a_program_inherits_the_one_descriptor_that_it_keeps(tmp_path: Path) -> None:
    with (tmp_path / "kept").open("w") as kept, (tmp_path / "other").open("w") as other:
        os.set_inheritable(other.fileno(), True)
        done = run(["/bin/sh", "-c", "ls /proc/$$/fd"], keep=kept.fileno())
        assert set(map(int, done.stdout.split())) == {0, 1, 2, kept.fileno()}
        assert not os.get_inheritable(kept.fileno())


def test_an_interrupt_ends_a_program_and_what_it_started(tmp_path: Path) -> None:
    told = tmp_path / "told"

    def interrupt() -> None:
        child(told)
        os.kill(os.getpid(), signal.SIGTERM)

    with interrupts():
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            run(parent(told))
    wait_until_gone(child(told))


def test_programs_of_other_threads_can_be_ended(tmp_path: Path) -> None:
    told, errors = tmp_path / "told", []

    def work() -> None:
        with pytest.raises(ProgramError, match="signal 9") as caught:
            run(parent(told))
        errors.append(caught.value)

    thread = threading.Thread(target=work)
    thread.start()
    pid = child(told)
    end_programs()
    thread.join()
    wait_until_gone(pid)
    assert len(errors) == 1
