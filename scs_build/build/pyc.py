"""Byte code of an image: compiled by the image's own interpreter, reproducibly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from scs_build.build.workshop import Workshop
from scs_build.engines.spec import StepSpec
from scs_build.oci.entry import Entry
from scs_build.oci.tree import MergedTree

SCRIPT = Path(__file__).with_name("compile_pyc.py")
ENVIRONMENT = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
RESULT = "var/tmp/pyc"


@contextmanager
def compile_sources(
    shop: Workshop,
    name: str,
    stack: tuple[Path, ...],
    sources: Sequence[str],
    inputs: Mapping[str, Path] | None = None,
) -> Iterator[dict[str, Path]]:
    """Lend the byte code of `sources` (paths without a leading slash) by the path that it belongs at.

    The sources lie in `stack` or in directories mounted by `inputs`. Without an interpreter in the tree
    there is nothing to compile for; what is no valid Python has no byte code.
    """
    interpreter = f"usr/bin/python{shop.graph.series.python.version}"
    if not sources or MergedTree(stack).lookup(interpreter) is None:
        yield {}
        return
    listing = "".join(f"/{path}\n" for path in sorted(sources)).encode()
    with shop.folder({}, {"compile_pyc.py": SCRIPT, "list": listing}) as folder:
        spec = StepSpec(
            name=name,
            argv=(f"/{interpreter}", "-I", "/step/compile_pyc.py", "/step/list", f"/{RESULT}"),
            layers=stack,
            inputs={"/step": folder, **(inputs or {})},
            environment=ENVIRONMENT,
        )
        with shop.run(spec) as changes:
            root = changes / RESULT
            yield {path.relative_to(root).as_posix(): path for path in root.rglob("*.pyc")}


def bytecode_path(source: str, version: str) -> str:
    """Return where the byte code of a source file belongs (PEP 3147), for a Python such as `3.13`."""
    folder, _, name = source.rpartition("/")
    return f"{folder}/__pycache__/{name.removesuffix('.py')}.cpython-{version.replace('.', '')}.pyc"


def pyc_entry(path: str, content: Path) -> Entry:
    """Return the layer entry of a file of byte code."""
    return Entry(path, "file", 0o644, content=content)
