"""One clean end, whatever asks for it and how often."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from scs_build.interrupts import NUMBERS, Interrupted, interrupts, status_of


@pytest.mark.parametrize("number", NUMBERS)
def test_only_the_first_signal_counts_and_names_the_status(number: int) -> None:
    before = signal.getsignal(number)
    with interrupts():
        with pytest.raises(Interrupted) as caught:
            signal.raise_signal(number)
        for later in NUMBERS:
            signal.raise_signal(later)
    assert status_of(caught.value) == 128 + number
    assert signal.getsignal(number) is before


def test_a_second_ctrl_c_is_heard_where_asked_for() -> None:
    with interrupts(again=(signal.SIGINT,)):
        for _ in range(2):
            with pytest.raises(Interrupted):
                signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)


def test_what_the_caller_ignores_stays_ignored() -> None:
    code = (
        "import signal\n"
        "from scs_build.interrupts import interrupts\n"
        "with interrupts(): signal.raise_signal(signal.SIGHUP); print('goes on')"
    )
    done = subprocess.run(["nohup", sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "goes on\n"), done.stderr
