"""Byte code of an image: compiled by the image's own interpreter, reproducibly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scs_build.build.workshop import Workshop
from scs_build.engines.spec import StepSpec
from scs_build.oci.entry import Entry
from scs_build.oci.tree import MergedTree

SCRIPT = Path(__file__).with_name("compile_pyc.py")
ENVIRONMENT = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}


@contextmanager
def compile_entries(
    shop: Workshop, name: str, stack: tuple[Path, ...], interpreter: str | None, sources: Sequence[str]
) -> Iterator[list[Entry]]:
    """Lend the entries of the byte code of `sources` (paths without a leading slash).

    Without an interpreter in the tree there is nothing to compile for.
    """
    if interpreter is None or MergedTree(stack).lookup(interpreter) is None:
        yield []
        return
    listing = "".join(f"/{path}\n" for path in sorted(sources)).encode()
    with shop.folder({}, {"compile_pyc.py": SCRIPT, "list": listing}) as folder:
        spec = StepSpec(
            name=f"{name}-pyc",
            argv=(f"/{interpreter}", "-I", "/step/compile_pyc.py", "/step/list"),
            layers=stack,
            inputs={"/step": folder},
            environment=ENVIRONMENT,
        )
        wanted = {compiled_path(path, interpreter.rpartition("python")[2]) for path in sources}
        with shop.run(spec) as into:
            # A file that is equal to one in the tree below need not be among the changes.
            merged = MergedTree((*stack, into))
            found = (path for path in sorted(wanted) if merged.lookup(path) is not None)
            yield [Entry(path, "file", 0o644, content=merged.entry(path).content) for path in found]


def compiled_path(source: str, version: str) -> str:
    """Return where the byte code of a source file lies for a Python version such as `3.13`."""
    folder, _, name = source.rpartition("/")
    tag = "cpython-" + version.replace(".", "")
    return f"{folder}/__pycache__/{name.removesuffix('.py')}.{tag}.pyc"
