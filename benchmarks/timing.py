"""What benchmarks share: paired runs of whole processes, and figures as a table or JSON."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCS_BUILD = [sys.executable, "-m", "scs_build"]


def wall(command: Sequence[str | Path]) -> float:
    """Return the seconds that a command takes, from start to end."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    return time.perf_counter() - began


def paired(ours: Sequence[str | Path], floor: Sequence[str | Path], runs: int = 9) -> tuple[float, float]:
    """Return the median seconds of two commands that ran in turn, after one run of each for the cache."""
    wall(ours), wall(floor)
    pairs = [(wall(ours), wall(floor)) for _ in range(runs)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def show(title: str, figures: Mapping[str, float]) -> None:
    """Print figures as a table, or with `--json` on the command line as an object."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--json", action="store_true")
    if parser.parse_args().json:
        print(json.dumps(figures, indent=2))
        return
    print(title)
    for name, value in figures.items():
        print(f"  {name:<40} {value:>16,.2f}")
