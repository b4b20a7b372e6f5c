"""Runs inside a step: byte-compiles Python files so that the result depends on nothing but them.

Usage: python3 -I compile_pyc.py LIST RESULT, where LIST holds one absolute path per line; the byte code of
/a/b.py becomes RESULT/a/__pycache__/b.<tag>.pyc. What the interpreter did before shows in the bytes it
writes (which objects are shared), so each group of files - a top-level package - is compiled by a fresh
fork that has done nothing else: the same bytes however many run at once.
"""

import importlib.util
import itertools
import os
import pathlib
import py_compile
import sys


def group_of(path: str) -> str:
    """Return the name of the package that a file belongs to, as a path."""
    parts = path.split("/")
    for index, part in enumerate(parts[:-1]):
        if part.startswith(("site-packages", "dist-packages")):
            return "/".join(parts[: index + 2])
    return "/".join(parts[:5])


def compile_group(paths: list[str], result: str) -> None:
    """Compile files in order; what is no valid Python (a template, a test) stays uncompiled."""
    for path in paths:
        try:
            py_compile.compile(
                path,
                cfile=result + importlib.util.cache_from_source(path),
                doraise=True,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
        except (py_compile.PyCompileError, SyntaxError, ValueError):
            continue


def main() -> None:
    """Compile every group in a fork of its own, as many at once as there are processors."""
    paths = sorted(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8").split("\n"))
    groups = [list(members) for _, members in itertools.groupby(filter(None, paths), key=group_of)]
    running: set[int] = set()
    for paths in groups:
        if len(running) >= len(os.sched_getaffinity(0)):
            running.remove(wait())
        child = os.fork()
        if child == 0:
            compile_group(paths, sys.argv[2])
            os._exit(0)
        running.add(child)
    while running:
        running.remove(wait())
    pathlib.Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)


def wait() -> int:
    """Wait for any fork; one that failed ends the whole."""
    child, status = os.wait()
    if status:
        sys.exit(f"compile_pyc: a fork ended with status {status}")
    return child


if __name__ == "__main__":
    main()
