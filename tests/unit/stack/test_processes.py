import os
import signal

import pytest

from scs_build.stack.interrupts import one_interrupt
from scs_build.stack.processes import children, descendants


def test_children_of_a_process_and_of_none() -> None:
    assert children(2**22 + 1) == []
    assert set(children(os.getpid())) <= set(descendants(os.getpid()))


def test_only_the_first_interrupt_counts() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with one_interrupt():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before
