"""The bill of materials of an image before it has a format: what it is made of, composed from its locks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from scs_build.build.image import layer_title
from scs_build.evidence.licence import Licence, licences_of
from scs_build.evidence.licence_policy import policy_of
from scs_build.evidence.patching import patches_of
from scs_build.evidence.pieces import Piece, pieces_of
from scs_build.evidence.sources import Source, sources_of
from scs_build.evidence.subject import Subject
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.deb.edges import deb_edges
from scs_build.inputs.edges import Edges
from scs_build.inputs.kinds import INPUTS
from scs_build.inputs.python.edges import python_edges
from scs_build.inputs.python.requirements import canonical
from scs_build.plan.graph import NOT_SHAPING, Graph
from scs_build.recipes.patches.patch import Patch
from scs_build.store.facts import remembered

OS_RELEASE = "usr/lib/os-release"


@dataclass(frozen=True)
class Part:
    """One thing that the image is made of. `ref` names it in the bill; `needs` are the refs of what it needs.

    `layer` is the diff id of the layer that it lies in, `patches` are those that it was made with.
    """

    piece: Piece
    licence: Licence
    layer: str = ""
    needs: tuple[str, ...] = ()
    patches: tuple[Patch, ...] = ()

    @property
    def ref(self) -> str:
        """Its package URL; what is bundled in another one stands behind that one's."""
        return ref_of(self.piece)


@dataclass(frozen=True)
class Tool:
    """An artefact that shaped bytes of the image and is not in it."""

    artefact: Artefact
    purl: str


@dataclass(frozen=True)
class Bill:
    """What an image is made of. `system` are name and version of the operating system, empty where none is.

    `requested` are the refs of what its recipes name. `unmet` are needs that nothing fulfils.
    """

    subject: Subject
    system: tuple[str, str]
    parts: tuple[Part, ...]
    tools: tuple[Tool, ...]
    requested: tuple[str, ...]
    unmet: Mapping[str, Sequence[str]] = field(default_factory=dict)


def compose(subject: Subject) -> Bill:
    """Compose the bill of an image."""
    graph = subject.graph
    sources = sources_of(graph, subject.store, subject.name)
    pieces = {piece.id: piece for piece in pieces_of(subject, sources)}
    licences = licences_of(policy_of(graph.catalogue), tuple(pieces.values()))
    edges, layers = _edges(subject, pieces), layers_of(subject)
    for piece in pieces.values():
        if piece.bundled:
            edges.needs.setdefault(piece.source.id, set()).add(piece.id)
    parts = tuple(
        Part(
            piece=piece,
            licence=licences[piece.id],
            layer=layers.get(piece.source.artefact.sha256, ""),
            needs=tuple(sorted(ref_of(pieces[other]) for other in edges.needs.get(piece.id, ()))),
            patches=() if piece.bundled else patches_of(graph, piece.source),
        )
        for piece in pieces.values()
    )
    requested = sorted(ref_of(pieces[name]) for name in _requested(graph, subject.name) if name in pieces)
    return Bill(
        subject, _system(subject), parts, tuple(_tools(subject, sources)), tuple(requested), edges.unmet
    )


def ref_of(piece: Piece) -> str:
    """Return how a bill names what the image is made of."""
    purl = piece.identity.purl
    return f"{piece.source.built.name}/{purl}" if piece.bundled else purl


def _edges(subject: Subject, pieces: Mapping[str, Piece]) -> Edges:
    """Return who needs whom among the artefacts, by `Source.id`."""
    graph = subject.graph
    lineage = graph.lineage(subject.name)
    own = [piece for piece in pieces.values() if not piece.bundled]
    debs = [piece.artefact for piece in own if piece.artefact.kind == "deb"]
    aside = [a for c in lineage for a in graph.lock(c.name).of_kind("deb") if a.role != "image"]
    without = {name for component in lineage for name in component.recipe.debian.without}
    wheels = {piece.artefact.name: piece for piece in own if piece.artefact.kind == "wheel"}
    wanted = [text for c in lineage if c.recipe.python for text in c.recipe.python.requirements]
    found = {
        "deb": deb_edges(debs, (*graph.scaffold().artefacts, *aside), without),
        "wheel": python_edges(
            {name: piece.description.needs for name, piece in wheels.items()},
            {name: piece.artefact.version for name, piece in wheels.items()},
            wanted, graph.series.python, graph.platform,
        ),
    }  # fmt: skip
    edges = Edges()
    for kind, each in found.items():
        edges.needs |= {f"{kind}:{a}": {f"{kind}:{b}" for b in needs} for a, needs in each.needs.items()}
        edges.unmet |= {f"{kind}:{name}": needs for name, needs in each.unmet.items()}
    return edges


def layers_of(subject: Subject) -> dict[str, str]:
    """Return the diff id of the layer that each artefact, by its hash in the lock, lies in.

    Layers are named in the history of the image by the step that wrote them.
    """
    config = subject.config
    found: dict[str, str] = {}
    titles = (entry["created_by"] for entry in config["history"])
    layers = dict(zip(titles, config["rootfs"]["diff_ids"], strict=True))
    for step in subject.graph.image(subject.name).needs:
        own = (*step.artefacts, *(need.artefacts[0] for need in step.needs if need.kind == "wheel"))
        found |= {artefact.sha256: layers.get(layer_title(step), "") for artefact in own}
    return found


def _requested(graph: Graph, name: str) -> Iterator[str]:
    """Yield the ids of what the recipes of an image name themselves."""
    from packaging.requirements import Requirement

    for component in graph.lineage(name):
        recipe = component.recipe
        yield from (f"deb:{package}" for package in recipe.debian.packages)
        yield from (f"{item.type}:{item.name}" for item in recipe.inputs)
        for text in recipe.python.requirements if recipe.python else ():
            yield f"wheel:{canonical(Requirement(text).name)}"


def _system(subject: Subject) -> tuple[str, str]:
    """Return the operating system as its release file names it: `("debian", "13.8")`."""
    item = subject.items.get(OS_RELEASE)
    if item is None:
        return "", ""

    def read() -> str:
        return subject.contents({OS_RELEASE})[OS_RELEASE].decode(errors="replace")

    text = remembered(subject.store, {"os-release": item.sha256}, read)
    pairs = (line.partition("=")[::2] for line in text.splitlines())
    values = {name: value.strip("\"'") for name, value in pairs}
    return values.get("ID", ""), values.get("DEBIAN_VERSION_FULL") or values.get("VERSION_ID", "")


def _tools(subject: Subject, sources: Sequence[Source]) -> Iterator[Tool]:
    """Yield every artefact that a step of the image read and that the image does not keep, each once."""
    graph, seen = subject.graph, {source.artefact.sha256 for source in sources}
    steps = graph.image(subject.name).closure().values()
    for artefact in sorted(
        (a for step in steps for a in step.artefacts), key=lambda a: (a.kind, a.name, a.version)
    ):
        if artefact.sha256 not in seen and artefact.name not in NOT_SHAPING:
            seen.add(artefact.sha256)
            yield Tool(artefact, INPUTS[artefact.kind].identity(artefact, graph.series).purl)
