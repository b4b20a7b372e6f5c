"""What an image is made of, each with what it says: artefacts, and what their makers put into them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from scs_build.evidence.sources import Source, described, placed_path
from scs_build.evidence.subject import Subject
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.description import Description, Identity
from scs_build.inputs.kinds import INPUTS


@dataclass(frozen=True)
class Piece:
    """An artefact that the image keeps, or one that is bundled in it.

    `path` is where in the image lies what says so, empty where nothing does.
    """

    source: Source
    artefact: Artefact
    description: Description
    identity: Identity
    path: str = ""
    bundled: bool = False

    @property
    def id(self) -> str:
        """The artefact's id; of what is bundled, behind that of the artefact that holds it."""
        return f"{self.source.id}/{self.artefact.name}" if self.bundled else self.source.id

    @property
    def title(self) -> str:
        """How a person calls it, and where it comes from."""
        inside = f"in {self.source.built.name} {self.source.built.version}, " if self.bundled else ""
        return f"{self.artefact.name} {self.artefact.version} ({inside}locked by {self.source.image})"


def pieces_of(subject: Subject, sources: Iterable[Source]) -> Iterator[Piece]:
    """Yield every artefact and after it what is bundled in it, as far as that is in the image."""
    graph, store = subject.graph, subject.store
    for source in sources:
        description = described(store, source)
        path = placed_path(graph, source, description.path) if description.path else ""
        yield Piece(source, source.built, description, source.identity(graph), path)
        for each in description.bundled:
            path = placed_path(graph, source, each.description.path)
            if path in subject.items:
                inner = replace(source.built, name=each.name, version=each.version)
                identity = INPUTS[inner.kind].identity(inner, graph.series)
                yield Piece(source, inner, each.description, identity, path, bundled=True)
