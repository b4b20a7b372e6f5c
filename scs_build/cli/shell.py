"""`scs-build shell`: a look around in the tree of a step."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from scs_build.cli.common import graph_of
from scs_build.cli.ends import talk
from scs_build.cli.options import Session, complete_image, refuse_engine, session_options
from scs_build.errors import UnknownNameError

if TYPE_CHECKING:
    from pathlib import Path

    from scs_build.engines.spec import StepSpec
    from scs_build.plan.graph import Graph
    from scs_build.plan.step import Step

SHELL = ("/bin/sh", "-i")
# Says what a program that is not there is called, and ends with 127 then.
COMMAND = ("/bin/sh", "-c", 'exec "$@"', "scs-build shell")


@click.command()
@click.argument("image", shell_complete=complete_image)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
@session_options("series", "platform")
def command(session: Session, image: str, arguments: tuple[str, ...]) -> None:
    """Look around where the last step of an image failed, or where it was installed.

    A shell in the tree of the step that failed last on the way to IMAGE, as it was left: its layers, its
    inputs and what it had changed, with its environment and without a network; only what lay in /tmp and
    /run is gone. When nothing failed: the tree where its packages are installed, or where its wheels are
    compiled. Which state it is, is said first; what is changed there is gone afterwards. `exit`, Ctrl-D and
    Ctrl-C end it.

    With COMMAND this is run in place of a shell, and the status is its own (127: there is no such program);
    when a signal ended the command, 128 and its number. One state of each image is kept, until IMAGE is
    built or `scs-build store gc` takes it.
    """
    from scs_build.cli.running import tools_of
    from scs_build.engines.native import NativeEngine
    from scs_build.stack.single import attended

    refuse_engine(session)
    session.catalogue.component(image)
    graph = graph_of(session)
    told, spec = _state(session, graph, image)
    tools = tools_of(session, graph)
    talk(told)
    terminal = {name: os.environ[name] for name in ("TERM",) if name in os.environ}
    spec = replace(
        spec,
        argv=(*COMMAND, *arguments) if arguments else SHELL,
        environment={**terminal, "PS1": f"{spec.name} # ", **spec.environment},
    )
    with session.store.scratch("shell") as scratch:
        upper, work = scratch / "upper", scratch / "work"
        upper.mkdir(mode=0o755)
        work.mkdir()
        sys.stderr.flush()
        raise SystemExit(attended(tools, NativeEngine(tools).argv(spec, upper, work), {}, shell=True))


def _state(session: Session, graph: Graph, image: str) -> tuple[str, StepSpec]:
    """Return in words which state is shown, and the state."""
    from scs_build.build.failed import failed_states, log_of
    from scs_build.plan.history import result_of

    steps = graph.image(image).closure()
    for state in failed_states(session.store, graph.series.name):
        step = steps.get(state.spec.name)
        if step and not result_of(session.store, step):
            _require(state.spec, image)
            inputs = ", ".join(state.spec.inputs) or "none"
            log = log_of(session.store, state.spec.name)
            return f"{state.spec.name} failed here; inputs: {inputs}; its log: {log}", state.spec
    return _installed(session, image, list(steps.values()))


def _installed(session: Session, image: str, steps: list[Step]) -> tuple[str, StepSpec]:
    """Return the tree in which the last step of an image that installs was done."""
    from scs_build.engines.spec import StepSpec

    step = next((step for step in reversed(steps) if step.kind == "install"), None)
    if step is None:
        raise UnknownNameError(f"no step of {image} failed, and nothing is installed for it")
    layers = tuple(_trees(session, image, step))
    return f"no step of {image} failed; this is {step.name}, after it ended well", StepSpec(
        step.name, SHELL, layers
    )


def _trees(session: Session, image: str, step: Step) -> Iterator[Path]:
    from scs_build.build.workshop import tree_chain
    from scs_build.plan.history import result_of

    for part in tree_chain(step):
        record = result_of(session.store, part)
        if record is None:
            raise _gone(image, f"no step of {image} failed, and the tree of {part.name} is not in the store")
        yield session.store.tree_path(record["uses"]["trees"][0])


def _require(spec: StepSpec, image: str) -> None:
    """Raise an error unless everything that a state stands on is still there."""
    for path in (*spec.layers, *spec.inputs.values()):
        if not path.is_dir():
            raise _gone(image, f"{spec.name} failed, and {path}, on which it ran, is no longer in the store")


def _gone(image: str, reason: str) -> UnknownNameError:
    return UnknownNameError(reason, solution=f"run: scs-build build {image}")
