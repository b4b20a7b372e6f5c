"""Byte code does not depend on how many files are compiled at once, or on what else is compiled."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scs_build.build.pyc import SCRIPT

SOURCES = {
    "site-packages/one/a.py": "NAMES = {'a', 'b'}\ndef f(x):\n    return x in {'q', 'w', 'e'}\n",
    "site-packages/one/b.py": "from one.a import f\nclass A:\n    'text'\n    def f(self): return f(self)\n",
    "site-packages/two.py": "import os\nX = ('a', 1, None, os.sep)\n",
    "site-packages/three/__init__.py": "Y = frozenset({'one', 'two'})\n",
}


def compile_all(root: Path, *, one_cpu: bool) -> dict[str, bytes]:
    for name, text in SOURCES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    listing = root / "list"
    listing.write_text("\n".join(str(root / name) for name in SOURCES))
    result = root / ("one" if one_cpu else "many")
    cpus = set(list(os.sched_getaffinity(0))[:1]) if one_cpu else os.sched_getaffinity(0)
    subprocess.run(
        [sys.executable, "-I", SCRIPT, listing, result],
        check=True,
        env={"PYTHONHASHSEED": "0"},
        preexec_fn=lambda: os.sched_setaffinity(0, cpus),
    )
    return {str(p.relative_to(result)): p.read_bytes() for p in result.rglob("*.pyc")}


def test_the_same_bytes_on_one_processor_and_on_many(tmp_path):
    first = compile_all(tmp_path, one_cpu=True)
    assert len(first) == len(SOURCES)
    assert compile_all(tmp_path, one_cpu=False) == first


def test_a_file_that_is_no_python_stays_uncompiled_and_stops_nothing(tmp_path):
    (tmp_path / "bad.py").write_text("def (:\n")
    (tmp_path / "good.py").write_text("X = 1\n")
    (tmp_path / "list").write_text(f"{tmp_path}/bad.py\n{tmp_path}/good.py\n")
    subprocess.run([sys.executable, "-I", SCRIPT, tmp_path / "list", tmp_path / "result"], check=True)
    assert [p.name.partition(".")[0] for p in tmp_path.rglob("*.pyc")] == ["good"]


def test_a_file_that_cannot_be_read_fails_the_step(tmp_path):
    (tmp_path / "list").write_text(f"{tmp_path}/missing.py\n")
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run(
            [sys.executable, "-I", SCRIPT, tmp_path / "list", tmp_path / "result"],
            check=True,
            stderr=subprocess.DEVNULL,
        )
