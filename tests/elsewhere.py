"""Somebody else builds: on another machine, as another user, in another order, and a year later.

`build_elsewhere` starts this module as a program, in an environment in which everything is different that
must not matter; the program then does what `scs-build build` does.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scs_build.build.build import Options, build
from scs_build.cli.common import layout_of, manifest_of
from scs_build.cli.main import speak_utf8
from scs_build.engines.native import NativeEngine
from scs_build.engines.spec import StepSpec
from scs_build.engines.tools import ToolsTree
from scs_build.manifest.manifest import make_manifest, write_manifest
from scs_build.oci.layout import write_layout
from scs_build.progress import Silent
from scs_build.recipes.site import Site
from scs_build.store.store import Store
from tests.integration.conftest import ROOT, graph_of

HOSTNAME = "elsewhere"
YEAR = 365 * 24 * 3600
# What a machine may have in its environment and no build may notice. The last two stand for a locale that is
# not UTF-8, on machines that have none installed.
NOISE = {
    "APT_CONFIG": "/nonexistent", "CC": "false", "CFLAGS": "-O0 -ggdb", "COLUMNS": "37", "GZIP": "-1",
    "DEB_BUILD_OPTIONS": "noopt", "LANGUAGE": "tr:de", "LC_ALL": "C", "LDFLAGS": "-Wl,-z,norelro",
    "LOGNAME": HOSTNAME, "MAKEFLAGS": "-j7", "PERL5OPT": "-Mnonexistent", "POSIXLY_CORRECT": "1",
    "PIP_INDEX_URL": "http://127.0.0.1:9/", "PYTHONHASHSEED": "4242", "SOURCE_DATE_EPOCH": "86400",
    "TAR_OPTIONS": "--mode=0", "TERM": "dumb", "TZ": "Pacific/Kiritimati", "USER": HOSTNAME,
    "UV_INDEX_URL": "http://127.0.0.1:9/", "UV_LINK_MODE": "symlink", "ZSTD_CLEVEL": "1",
    "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0",
}  # fmt: skip

# Debian's package libfaketime; the variant for programs with threads.
LIBRARY = "libfaketimeMT.so.1"
INSIDE = "/elsewhere"
# The library keeps files in /dev/shm, also for processes of a step that change their user.
SET_CLOCK = f"""
chmod 1777 /dev/shm
export FAKETIME=+1y LD_PRELOAD={INSIDE}/{LIBRARY} PATH={INSIDE}:$PATH
exec "$@"
"""
# Maintainer scripts of the scaffold run in a root directory of their own: the library goes there, and leaves.
MMDEBSTRAP = f"""#!/bin/sh
exec /usr/bin/mmdebstrap \\
    --setup-hook='mkdir -p "$1{INSIDE}" "$1/dev/shm"' \\
    --setup-hook='chmod 1777 "$1/dev/shm"' \\
    --setup-hook='cp {INSIDE}/{LIBRARY} "$1{INSIDE}"' \\
    --customize-hook='rm -r "$1{INSIDE}" "$1/dev/shm"' \\
    "$@"
"""
PROBE = ("/bin/sh", "-c", "date +%s > /var/tmp/now")


class Later:
    """The native engine, with the clock of all that runs in its steps a year ahead."""

    name = "native"

    def __init__(self, engine: NativeEngine, clock: Path) -> None:
        self._engine = engine
        self._clock = clock
        self.cancel = engine.cancel

    def run(self, spec: StepSpec, into: Path, log: Path) -> None:
        """Run the step as `Engine.run` says."""
        argv = ("/bin/sh", "-euc", SET_CLOCK, "later", *spec.argv)
        later = replace(spec, argv=argv, inputs={**spec.inputs, INSIDE: self._clock})
        self._engine.run(later, into, log)


def build_elsewhere(store: Store, output: Path, names: Sequence[str], series: str, root: Path = ROOT) -> None:
    """Build images in `store`, one step at a time, in an environment that has nothing in common with ours.

    The artefacts must be in the store.
    """
    home = store.root.parent
    library = _library()
    (home / "tmp").mkdir()
    clock = home / "clock"
    clock.mkdir()
    shutil.copyfile(library, clock / LIBRARY)
    (clock / "mmdebstrap").write_text(MMDEBSTRAP)
    (clock / "mmdebstrap").chmod(0o755)
    names = sorted(names)
    random.Random(7).shuffle(names)
    own = {"HOME": str(home), "TMPDIR": str(home / "tmp"), "LD_PRELOAD": str(library), "FAKETIME": "+1y"}
    argv = [
        *("unshare", "--uts", "--net", sys.executable, "-m", "tests.elsewhere", "--clock", str(clock)),
        *(
            "--store",
            str(store.root),
            "--output",
            str(output),
            "--series",
            series,
            "--root",
            str(root),
            *names,
        ),
    ]
    env = {**os.environ, **NOISE, **own}
    done = subprocess.run(argv, cwd=ROOT, env=env, umask=0o077, stdout=subprocess.PIPE, text=True, check=True)
    seen = json.loads(done.stdout)
    assert seen["host"] == HOSTNAME != socket.gethostname()
    assert seen["time"] - time.time() > YEAR - 3600
    assert seen["time in a step"] - time.time() > YEAR - 3600


def _library() -> Path:
    found = sorted(Path("/usr/lib").glob(f"*/faketime/{LIBRARY}"))
    assert found, "the Debian package libfaketime is not installed: `.ci/packages libfaketime` does it"
    return found[0]


def main() -> int:
    """Build as that user; what they saw goes to standard output as JSON."""
    speak_utf8()  # as the command line does
    parser = argparse.ArgumentParser()
    for option in ("--store", "--output", "--root", "--clock"):
        parser.add_argument(option, type=Path)
    parser.add_argument("--series")
    parser.add_argument("images", nargs="+")
    args = parser.parse_args()
    socket.sethostname(HOSTNAME)
    graph, store = graph_of(args.root, args.series), Store(args.store)
    options = Options(Site(), lambda tools: Later(NativeEngine(tools), args.clock), jobs=1, offline=True)
    result = build(graph, store, args.images, options, Silent())
    for name, error in result.failures.items():
        sys.stderr.write(f"{name}: {error}\n")
    if result.failures:
        return 1
    images = {f"{image.name}:{result.series}": image.digest for image in result.images}
    write_layout(store, layout_of(args.output), images)
    write_manifest(make_manifest(graph, result.images), manifest_of(args.output, result.series))
    tools = ToolsTree(store.tree_path(graph.tools().key))
    now = _time_in_a_step(store, options.make_engine(tools), tools)
    print(json.dumps({"host": socket.gethostname(), "time": time.time(), "time in a step": now}))  # noqa: T201
    return 0


def _time_in_a_step(store: Store, engine: Any, tools: ToolsTree) -> int:
    with store.scratch("probe") as scratch:
        into = scratch / "changes"
        into.mkdir()
        engine.run(StepSpec("probe", PROBE, tools.layers), into, scratch / "log")
        return int((into / "var/tmp/now").read_text())


if __name__ == "__main__":
    sys.exit(main())
