"""What an image is made of, from its locks alone: each artefact, whose lock names it, what it brings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace

from scs_build.build.members import held, members_of, notes_on
from scs_build.build.packages import status_entries
from scs_build.build.wheel import compiled_wheel
from scs_build.canonical import sha256_bytes
from scs_build.errors import Location, StoreError
from scs_build.inputs.artefact import Artefact, Member
from scs_build.inputs.description import Description, Identity
from scs_build.inputs.kinds import INPUTS
from scs_build.locks.files import artefact_rows
from scs_build.locks.layered import lock_of
from scs_build.oci.entry import Entry
from scs_build.plan.graph import Graph
from scs_build.plan.history import result_of
from scs_build.store.facts import is_remembered, remembered
from scs_build.store.store import Store

# Raised by whatever changes what is remembered of an artefact.
DESCRIPTION_FORMAT = 4
STATUS_FORMAT = 1


@dataclass(frozen=True)
class Source:
    """An artefact that an image keeps: the line of the lock of `image`, and what of it was installed.

    `built` is the artefact itself, or the wheel that was compiled from it.
    """

    image: str
    artefact: Artefact
    built: Artefact

    @property
    def id(self) -> str:
        """Kind and name of what was installed."""
        return self.built.id

    @property
    def compiled(self) -> bool:
        """Whether it was compiled for the image."""
        return self.built is not self.artefact

    def where(self, graph: Graph) -> Location:
        """Return the line of the lock."""
        path = lock_of(graph.catalogue.component(self.image), graph.series.name)
        shown = graph.catalogue.shown(path).as_posix()
        index = graph.lock(self.image).artefacts.index(self.artefact)
        return Location(shown, artefact_rows(path, graph.platform)[index])

    def identity(self, graph: Graph) -> Identity:
        """Return the names by which the world knows it."""
        return INPUTS[self.built.kind].identity(self.built, graph.series)


def sources_of(graph: Graph, store: Store, name: str) -> tuple[Source, ...]:
    """Return every artefact that an image keeps, lowest lock first.

    Raises `StoreError` where a wheel that was compiled is no longer in the store.
    """
    steps = graph.image(name).closure().values()
    wheels = {step.artefacts[0].sha256: step for step in steps if step.kind == "wheel"}
    found = []
    for component in graph.lineage(name):
        for artefact in graph.lock(component.name).artefacts:
            if artefact.role != "image":
                continue
            built = artefact
            if step := wheels.get(artefact.sha256):
                record = result_of(store, step)
                if record is None:
                    raise StoreError(
                        f"the wheel of {artefact.name} {artefact.version} is no longer in the store",
                        solution="run the command without --offline: it is compiled again",
                    )
                built = compiled_wheel(store, step, record)
            found.append(Source(component.name, artefact, built))
    return tuple(found)


def described(store: Store, source: Source) -> Description:
    """Return what an artefact says about itself, read once."""
    built = source.built

    def read() -> dict[str, object]:
        path = held(store, built)
        return INPUTS[built.kind].describe(built, path, notes_on(store, built)).to_json()

    return Description.from_json(remembered(store, _description(built), read))


def is_described(store: Store, source: Source) -> bool:
    """Return whether the store knows what an artefact says about itself."""
    return is_remembered(store, _description(source.built))


def _description(built: Artefact) -> dict[str, object]:
    return {"description": built.to_json(), "format": DESCRIPTION_FORMAT}


def placed(graph: Graph, store: Store, source: Source) -> Iterator[Member]:
    """Yield what an artefact brings as it lies in an image; hard links have the hash of their content."""
    members = members_of(store, source.built)
    hashes = {member.path: member.sha256 for member in members}
    whole = (
        replace(member, sha256=hashes.get(member.link, "")) if member.type == "hardlink" else member
        for member in members
    )
    yield from INPUTS[source.built.kind].placed(source.built, whole, graph.series.python)


def placed_path(graph: Graph, source: Source, path: str) -> str:
    """Return where a member of an artefact lies in an image; paths have no leading slash."""
    member = Member(path, "file", 0o644)
    found = INPUTS[source.built.kind].placed(source.built, (member,), graph.series.python)
    return next(iter(found), member).path


def status_of(store: Store, source: Source) -> tuple[Member, ...]:
    """Return the files with the status that an image keeps of a Debian package; none of other kinds."""
    if source.built.kind != "deb":
        return ()
    what = {"status": source.built.sha256, "name": source.built.name, "format": STATUS_FORMAT}

    def read() -> list[object]:
        held(store, source.built)
        return [astuple(member_of(entry)) for entry in status_entries(store, source.built)]

    return tuple(Member(*fields) for fields in remembered(store, what, read))


def member_of(entry: Entry) -> Member:
    """Return an entry of a layer, whose content is at hand, as what must be found in the image."""
    assert isinstance(entry.content, bytes)
    sha256 = sha256_bytes(entry.content) if entry.type == "file" else ""
    size = len(entry.content)
    return Member(entry.path, entry.type, entry.mode, entry.uid, entry.gid, size, sha256, entry.link)
