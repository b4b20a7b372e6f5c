import os
from pathlib import Path

from scs_build.run import run


def test_a_program_reads_nothing_unless_told() -> None:
    assert run(["/usr/bin/readlink", "/proc/self/fd/0"]).stdout == b"/dev/null\n"
    assert run(["/bin/cat"], stdin=b"told\n").stdout == b"told\n"


def test_a_program_inherits_the_one_descriptor_that_it_keeps(tmp_path: Path) -> None:
    with (tmp_path / "kept").open("w") as kept, (tmp_path / "other").open("w") as other:
        os.set_inheritable(other.fileno(), True)
        done = run(["/bin/sh", "-c", "ls /proc/$$/fd"], keep=kept.fileno())
        assert set(map(int, done.stdout.split())) == {0, 1, 2, kept.fileno()}
        assert not os.get_inheritable(kept.fileno())
