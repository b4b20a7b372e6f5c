"""The part of a stack's run inside its private namespaces: `python -m scs_build.stack.inside JOB`.

Reads a job file, starts the services, makes the checks, ends the services. Tells on standard output, one
JSON object per line, `{"service", "event", "seconds"}` as it goes and then `{"result"}` or `{"error"}`.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from scs_build.build.runnable import RunnableImage
from scs_build.engines.tools import ToolsTree
from scs_build.errors import ScsBuildError
from scs_build.interrupts import interrupts
from scs_build.stack.launch import Workplace
from scs_build.stack.reader import read_compose
from scs_build.stack.supervisor import Supervisor
from scs_build.stack.templates import read_values

# Which module proves which stack; it has `prove(secrets, began) -> facts` and names what it imports late.
PROOFS = {"identity": "scs_build.stack.identity"}
Tell = Callable[[Mapping[str, object]], None]


@dataclass(frozen=True)
class Job:
    """What the outer process asks for; `began` is its monotonic clock when the run began."""

    compose: Path
    series: str
    tools: Path
    folder: Path
    logs: Path
    images: dict[str, RunnableImage]
    began: float
    within: float

    @classmethod
    def read(cls, path: Path) -> Job:
        """Read a job file."""
        raw = json.loads(path.read_bytes())
        paths = {name: Path(raw[name]) for name in ("compose", "tools", "folder", "logs")}
        images = {name: RunnableImage.from_json(image) for name, image in raw["images"].items()}
        return cls(**{**raw, **paths, "images": images})

    def write(self, path: Path) -> None:
        """Write the job file."""
        images = {name: image.to_json() for name, image in self.images.items()}
        path.write_text(json.dumps({**vars(self), "images": images}, default=str))


def run_job(job: Job, tell: Tell) -> dict[str, Any]:
    """Run the stack of a job and return its facts; everything is ended whatever happens."""
    compose = read_compose(job.compose)
    proof = PROOFS.get(compose.name)
    warm = _import_early(proof)
    values = read_values(job.compose.with_name("values.yaml"))
    place = Workplace(compose, job.compose.parent, job.folder, job.series, values)
    supervisor = Supervisor(
        compose,
        ToolsTree(job.tools),
        job.logs,
        lambda name: place.prepare(name, job.images[compose.services[name].image]),
        lambda service, event, seconds: tell({"service": service, "event": event, "seconds": seconds}),
    )
    facts: dict[str, Any] = {}
    try:
        supervisor.start(job.within)
        warm()
        if proof:
            facts["proof"] = _prove(proof, place.secrets, job.began, supervisor)
        facts["memory_bytes"] = {
            name: memory
            for name, running in supervisor.running.items()
            if (memory := running.process.memory())
        }
        supervisor.check()
    finally:
        ended = supervisor.stop()
    supervisor.check_ends()
    started = {name: running.seconds for name, running in supervisor.running.items()}
    return {**facts, "seconds_to_ready": started, "ended": ended}


def _prove(proof: str, secrets: Mapping[str, str], began: float, supervisor: Supervisor) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = import_module(proof).prove(secrets, began)
    except Exception:
        supervisor.check()  # a service that died is the better explanation
        raise
    return facts


def _import_early(proof: str | None) -> Callable[[], None]:
    """Import what a proof needs while the services start; return how to wait for it."""
    if proof is None:
        return lambda: None
    thread = threading.Thread(
        target=lambda: [import_module(name) for name in import_module(proof).LATE], daemon=True
    )
    thread.start()
    return thread.join


def main(argv: list[str]) -> int:
    """Run a job file; the exit status is 0 unless this program itself fails."""
    lock = threading.Lock()

    def tell(event: Mapping[str, object]) -> None:
        with lock:
            os.write(1, json.dumps(event).encode() + b"\n")

    with interrupts():  # whoever asks for the end may do so again
        try:
            tell({"result": run_job(Job.read(Path(argv[0])), tell)})
        except ScsBuildError as error:
            tell({"error": {**error.to_json(), "where": None, "reason": _placed(error)}})
        except KeyboardInterrupt:
            tell({"error": {"error": "KeyboardInterrupt"}})
    return 0


def _placed(error: ScsBuildError) -> str:
    return f"{error.where}: {error.reason}" if error.where else error.reason


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
