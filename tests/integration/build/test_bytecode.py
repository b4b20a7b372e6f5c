"""Byte code of wheels is compiled once, whichever image asks first."""

from __future__ import annotations

from pathlib import Path

from scs_build.build.build import BuildResult
from scs_build.build.bytecode import bytecode_files
from scs_build.build.executor import Executor
from scs_build.engines.native import NativeEngine
from scs_build.engines.spec import StepSpec
from scs_build.engines.tools import ToolsTree
from scs_build.progress import Silent
from scs_build.store.store import Store
from tests.integration.build import parts
from tests.integration.conftest import graph_of


class Counting(NativeEngine):
    """Runs steps and keeps which sources each was given to compile."""

    compiled: list[set[str]]

    def run(self, spec: StepSpec, into: Path, log: Path) -> None:
        if "/step/compile_pyc.py" in spec.argv:
            listing = (spec.inputs["/step"] / "list").read_text().split()
            self.compiled.append({path.rpartition("site-packages/")[2] for path in listing})
        super().run(spec, into, log)


def test_a_wheel_that_was_compiled_before_is_not_compiled_again(
    built: BuildResult, store: Store, fresh: Store
) -> None:
    graph = graph_of()
    step = next(s for s in graph.image("keystone").closure().values() if s.kind == "bytecode")
    ground = list({n: s for other in step.runs_on for n, s in other.closure().items()}.values())
    parts.copied(store, fresh, ground, ["tools"])
    engines: list[Counting] = []

    def make_engine(tools: ToolsTree) -> Counting:
        engine = Counting(tools)
        engine.compiled = []
        engines.append(engine)
        return engine

    executor = Executor(graph, fresh, make_engine, 2, Silent())
    executor.make(ground)
    shop = executor._shop
    pbr, pytz = (next(a for a in step.artefacts if a.name == name) for name in ("pbr", "pytz"))
    stack = (*shop.tools.layers, *shop.stack(step.runs_on[0]))
    alone = bytecode_files(shop, step, [pbr], stack)
    both = bytecode_files(shop, step, [pbr, pytz], stack)
    first, second = engines[0].compiled
    assert {path.partition("/")[0] for path in first} == {"pbr"}
    assert {path.partition("/")[0] for path in second} == {"pytz"}
    assert len(alone) == len(first)
    assert alone.items() < both.items()
