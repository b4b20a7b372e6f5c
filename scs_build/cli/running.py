"""What the commands that run images share: the tools tree, the images of a stack, the run of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scs_build.cli.common import graph_of, options_of
from scs_build.cli.output import seconds, size, table

if TYPE_CHECKING:
    from scs_build.cli.options import Session
    from scs_build.engines.tools import ToolsTree
    from scs_build.plan.graph import Graph
    from scs_build.stack.run import StackRun


def tools_of(session: Session, graph: Graph, group: str = "core") -> ToolsTree:
    """Return a group of the tools tree; it is fetched and unpacked when the store does not hold it."""
    from scs_build.build.build import fetch_for
    from scs_build.build.executor import Executor
    from scs_build.engines.tools import ToolsTree
    from scs_build.plan.history import result_of
    from scs_build.plan.plan import Plan, PlannedImage, PlannedStep

    step = graph.tools(group)
    record = result_of(session.store, step)
    if record is None:
        image = PlannedImage(step.subject, "tools", step, (PlannedStep(step, ()),))
        options = options_of(session)
        fetch_for(Plan(graph.series.name, graph.platform, (image,)), session.store, options, session.progress)
        executor = Executor(graph, session.store, options.make_engine, session.jobs, session.progress)
        made = executor.make([step])[step.name]
        if isinstance(made, BaseException):
            raise made
        record = made
    return ToolsTree(session.store.tree_path(record["uses"]["trees"][0]))


def run_stack_of(session: Session, name: str, output: Path) -> StackRun:
    """Run and prove a stack of the checkout from built images."""
    from scs_build.build.runnable import runnable_images
    from scs_build.stack.reader import find_stack, read_compose
    from scs_build.stack.run import run_stack

    graph = graph_of(session)
    path = find_stack(session.root, name)
    compose = read_compose(path, str(path.relative_to(session.root)))
    needed = dict.fromkeys(service.image for service in compose.services.values())
    images = runnable_images(graph, session.store, needed, session.jobs, session.progress)
    return run_stack(
        path, session.series, images, tools_of(session, graph), session.store, output / "logs" / name,
        session.progress,
    )  # fmt: skip


def proof_text(result: StackRun, output: Path) -> str:
    """Return what a run of a stack found, as a person reads it."""
    images = table(
        ("image", "unpacked", "packed", "digest"),
        [(i.name, size(i.unpacked), size(i.packed), i.digest) for i in result.images],
        right=(1, 2),
    )
    logs = output / "logs" / result.name
    end = f"{seconds(result.seconds)} in all, nothing is left running; logs in {logs}"
    return "\n\n".join(filter(None, (images, service_table(result), token_text(result), end)))


def service_table(result: StackRun) -> str:
    """Return how long each service took to get ready, its memory, and how it ended."""
    facts = result.facts
    return table(
        ("service", "ready in", "memory", "ended"),
        [
            (name, seconds(spent or 0), _memory(facts, name), _end(facts, name))
            for name, spent in facts["seconds_to_ready"].items()
        ],
        right=(1, 2),
    )


def token_text(result: StackRun) -> str:
    """Return what the proof found out; empty for a stack that has none."""
    proof = result.facts.get("proof")
    if proof is None:
        return ""
    return (
        f"a real token ({proof['token']}), {seconds(proof['seconds_to_token'])} from nothing;"
        f" with it the projects: {', '.join(proof['projects'])}\n"
        f"keystone's API {proof['api_version']}; a wrong password gets {proof['wrong_password_status']}"
    )


def _memory(facts: dict[str, dict[str, int]], name: str) -> str:
    memory = facts["memory_bytes"].get(name)
    return size(memory) if memory else "-"


def _end(facts: dict[str, dict[str, dict[str, object]]], name: str) -> str:
    ended = facts["ended"].get(name)
    if ended is None:
        return "by itself, status 0"
    how = "KILLED, it did not end in time" if ended["killed"] else f"on request, status {ended['status']}"
    return f"{how}, in {seconds(float(str(ended['seconds'])))}"
