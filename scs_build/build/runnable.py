"""Built images as they can be run: their layers as directories, and what their configuration says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from scs_build.errors import StoreError, UnknownNameError
from scs_build.oci.unpack import unpack_layer
from scs_build.plan.graph import Graph
from scs_build.plan.history import result_of
from scs_build.progress import Progress
from scs_build.store.store import Store


@dataclass(frozen=True)
class RunnableImage:
    """An image whose layers (directories, lowest first) are unpacked; sizes in bytes."""

    name: str
    digest: str
    layers: tuple[Path, ...]
    uid: int
    gid: int
    command: tuple[str, ...]
    environment: dict[str, str]
    workdir: str
    volumes: tuple[str, ...]
    packed: int
    unpacked: int

    def to_json(self) -> dict[str, Any]:
        """Return the image as plain values; `from_json` reads them."""
        return {**asdict(self), "layers": [str(layer) for layer in self.layers]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> RunnableImage:
        """Read what `to_json` wrote."""
        paths = tuple(Path(layer) for layer in value["layers"])
        lists = {name: tuple(value[name]) for name in ("command", "volumes")}
        return cls(**{**value, **lists, "layers": paths})


def built_record(graph: Graph, store: Store, name: str) -> dict[str, Any]:
    """Return the record of an image that was built from the recipes and locks as they are now.

    Raises `UnknownNameError` when there is none.
    """
    record = result_of(store, graph.image(name))
    if record is None:
        raise UnknownNameError(
            f"{name} is not built as its recipe and lock now are", solution=f"run: scs-build build {name}"
        )
    return record


def runnable_images(
    graph: Graph, store: Store, names: Iterable[str], jobs: int, progress: Progress
) -> dict[str, RunnableImage]:
    """Return built images by name; layers that were not unpacked yet are unpacked, each once."""
    records = {name: built_record(graph, store, name) for name in names}
    layers = {layer["diff_id"]: layer for record in records.values() for layer in record["layers"]}
    unpack_layers(store, list(layers.values()), jobs, progress)
    return {name: _runnable(store, name, record) for name, record in records.items()}


def unpack_layers(store: Store, layers: Sequence[dict[str, Any]], jobs: int, progress: Progress) -> None:
    """Unpack the layers (of image records) that have no tree in the store yet."""
    missing = [layer for layer in layers if store.tree(tree_key(layer["diff_id"])) is None]
    if not missing:
        return
    store.require_space(sum(layer["unpacked"] for layer in missing))
    with progress.task("unpack layers", len(missing), "layers") as task, ThreadPoolExecutor(jobs) as pool:
        for _ in pool.map(lambda layer: unpack_one(store, layer["digest"], layer["diff_id"]), missing):
            task.advance()


def unpack_one(store: Store, digest: str, diff_id: str) -> None:
    """Unpack one layer into its tree, unless somebody else did."""
    key = tree_key(diff_id)
    with store.lock(key):
        if store.tree(key) is None:
            with store.new_tree(key) as tree:
                tree.chmod(0o755)
                unpack_layer(store.blob(digest), tree)


def tree_key(diff_id: str) -> str:
    """Return the key of the tree of a layer: what it holds is what its diff id says."""
    return f"layer-{diff_id.removeprefix('sha256:')}"


def _runnable(store: Store, name: str, record: dict[str, Any]) -> RunnableImage:
    layers = tuple(_tree(store, layer["diff_id"]) for layer in record["layers"])
    return replace(configured(store, name, record), layers=layers)


def configured(store: Store, name: str, record: Mapping[str, Any]) -> RunnableImage:
    """Return what the configuration of a built image says; none of its layers is unpacked."""
    config = json.loads(store.blob(record["config"]).read_bytes())["config"]
    uid, _, gid = config["User"].partition(":")
    layers = record["layers"]
    return RunnableImage(
        name=name,
        digest=record["result"],
        layers=(),
        uid=int(uid),
        gid=int(gid or uid),
        command=(*config.get("Entrypoint", ()), *config.get("Cmd", ())),
        environment=dict(pair.split("=", 1) for pair in config.get("Env", ())),
        workdir=config.get("WorkingDir", "/"),
        volumes=tuple(sorted(config.get("Volumes", {}))),
        packed=sum(layer["bytes"] for layer in layers),
        unpacked=sum(layer["unpacked"] for layer in layers),
    )


def _tree(store: Store, diff_id: str) -> Path:
    tree = store.tree(tree_key(diff_id))
    if tree is None:
        raise StoreError(f"the layer {diff_id} is gone from the store", solution="run the command again")
    return tree
