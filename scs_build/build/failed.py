"""What a failed step left: kept so that somebody can look around in it, one of each image and series."""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scs_build.canonical import canonical_json
from scs_build.engines.spec import StepSpec
from scs_build.store.store import Store

FORMAT = 1
STATE, LEFT = "state.json", "left"


@dataclass(frozen=True)
class FailedState:
    """The state of a failed step: `spec` is its own, and over its layers lies what it had changed by then.

    What it had written into /tmp and /run was in memory and is gone.
    """

    image: str
    spec: StepSpec
    folder: Path

    @property
    def when(self) -> float:
        """When it failed, in seconds since 1970."""
        return (self.folder / STATE).stat().st_mtime


def keep_state(store: Store, series: str, spec: StepSpec, left: Path) -> FailedState:
    """Take what a failed step left, and its inputs, out of the temporary area; what was kept before goes."""
    image = image_of(spec.name)
    folder = _place(store, series, image)
    folder.parent.mkdir(exist_ok=True)
    with store.scratch("failed") as scratch:
        left.rename(scratch / LEFT)
        inputs = {inside: str(_taken(store, path, scratch)) for inside, path in spec.inputs.items()}
        document = {
            "format": FORMAT,
            "image": image,
            "name": spec.name,
            "argv": list(spec.argv),
            "layers": [str(layer) for layer in spec.layers],
            "inputs": inputs,
            "environment": dict(spec.environment),
            "capabilities": list(spec.capabilities),
        }
        (scratch / STATE).write_bytes(canonical_json(document))
        if folder.exists():
            store.temporary.bury(folder)
        scratch.rename(folder)
    return _state(document, folder)


def forget_states(store: Store, series: str, steps: Collection[str]) -> None:
    """Remove what steps of these names left when they failed: what they work for is made now."""
    for state in failed_states(store, series):
        if state.spec.name in steps:
            store.temporary.bury(state.folder)


def failed_states(store: Store, series: str) -> list[FailedState]:
    """Return what is kept of a series, the newest first."""
    folders = store.failed.glob(f"{series}-*") if store.failed.is_dir() else ()
    found = [state for folder in folders if (state := _read(folder))]
    return sorted(found, key=lambda state: state.when, reverse=True)


def log_of(store: Store, name: str) -> Path:
    """Return where the log of the step of this name lies, when it failed."""
    return store.root / "logs" / f"{name.replace(':', '-')}.log"


def image_of(name: str) -> str:
    """Return the image that a step works for, which ends its name."""
    return name.rpartition(":")[2]


def _place(store: Store, series: str, image: str) -> Path:
    return store.failed / f"{series}-{image}"


def _taken(store: Store, path: Path, scratch: Path) -> Path:
    """Return where an input is once the scratch folder has its final name's content: moved, or left in place.

    What lies in the temporary area would be gone; trees of the store stay where they are. A path that is kept
    beside the state is relative to it.
    """
    if not path.is_relative_to(store.temporary.root):
        return path
    number = sum(1 for _ in scratch.glob("input-*"))
    path.rename(scratch / f"input-{number}")
    return Path(f"input-{number}")


def _read(folder: Path) -> FailedState | None:
    with suppress(OSError, ValueError, KeyError):
        document = json.loads((folder / STATE).read_bytes())
        if document["format"] == FORMAT:
            return _state(document, folder)
    return None


def _state(document: dict[str, Any], folder: Path) -> FailedState:
    spec = StepSpec(
        name=document["name"],
        argv=tuple(document["argv"]),
        layers=(*map(Path, document["layers"]), folder / LEFT),
        # A relative path is beside the state, an absolute one stays itself.
        inputs={inside: folder / path for inside, path in document["inputs"].items()},
        environment=document["environment"],
        capabilities=tuple(document["capabilities"]),
    )
    return FailedState(document["image"], spec, folder)
