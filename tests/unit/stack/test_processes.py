import os

from scs_build.stack.processes import children, descendants


def test_children_of_a_process_and_of_none() -> None:
    assert children(2**22 + 1) == []
    assert set(children(os.getpid())) <= set(descendants(os.getpid()))
