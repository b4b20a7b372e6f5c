"""What a lock line names, and what every kind of input can do: lock, locate, index."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from scs_build.inputs.description import Description, Identity
    from scs_build.recipes.models import PythonChannel, Series

# Names of fields of a lock line, each with what its value must match as a whole.
Forms = Mapping[str, re.Pattern[str]]
LINE = re.compile(r"[^\x00-\x1f\x7f]+")
# An absolute path in its shortest form.
PATH = re.compile(r"(/(?!\.{1,2}(/|$))[^/\x00-\x1f\x7f]+)+")

# What `index` comes across and `describe` would have to read the whole artefact again for.
Notes = dict[str, str]

EntryType = Literal["file", "dir", "link", "hardlink", "char", "block", "fifo"]
Role = Literal["image", "install", "build"]


@dataclass(frozen=True)
class Artefact:
    """One exact input: a .deb, a wheel, an sdist, an archive. `data` is what its kind needs beyond that.

    `role` is `image` for what an image keeps, `install` for what is only there while Debian packages are
    installed, and `build` for what compiles.
    """

    kind: str
    name: str
    version: str
    sha256: str
    size: int
    role: Role = "image"
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Kind and name: what stays the same when the version changes."""
        return f"{self.kind}:{self.name}" if self.role == "image" else f"{self.kind}:{self.name}:{self.role}"

    def to_json(self) -> dict[str, Any]:
        """Return the flat object that a lock line holds."""
        head = {"kind": self.kind, "name": self.name, "version": self.version}
        return {**head, "role": self.role, "sha256": self.sha256, "size": self.size, **self.data}

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Artefact:
        """Read a lock line; raises KeyError or TypeError where it is not one."""
        rest = dict(line)
        take = rest.pop
        return cls(
            take("kind"), take("name"), take("version"), take("sha256"), take("size"), take("role"), rest
        )


@dataclass(frozen=True, slots=True)
class Member:
    """One path that an artefact brings. `path` has no leading slash; `link` is a target as written.

    `sha256` is of the content of files; hard links name their primary path in `link`.
    """

    path: str
    type: EntryType
    mode: int
    uid: int = 0
    gid: int = 0
    size: int = 0
    sha256: str = ""
    link: str = ""


class Input(Protocol):
    """One kind of input. Rooms after this one iterate over kinds and name none."""

    kind: str

    @property
    def listed(self) -> bool:
        """Whether `urls` asks a list, and returns only what is on it: nobody has to look there then."""

    @property
    def fields(self) -> Forms:
        """The texts that each of its lock lines has, and the form of each."""

    @property
    def optional(self) -> Forms:
        """The texts and numbers that its lock lines may have, and the form of each."""

    def urls(self, artefact: Artefact, site: Any) -> Iterable[str]:
        """Return where the artefact can be had, best source first; may ask the network."""

    def index(self, artefact: Artefact, path: Path, notes: Notes | None = None) -> Iterator[Member]:
        """Read the artefact's file and return every path that it brings; `notes` takes what was seen."""

    def placed(
        self, artefact: Artefact, members: Iterable[Member], python: PythonChannel
    ) -> Iterable[Member]:
        """Return members as they lie in an image; none when this kind is never in one as it is."""

    def identity(self, artefact: Artefact, series: Series) -> Identity:
        """Return the names by which the world knows the artefact and what it was made from; reads nothing."""

    def describe(self, artefact: Artefact, path: Path, notes: Notes | None = None) -> Description:
        """Read the artefact's file and return what it says about itself; `notes` are those of `index`."""


class TreeInput(Input, Protocol):
    """A kind whose files an image holds as they are."""

    def unpack(self, artefact: Artefact, path: Path, into: Path) -> Iterator[Member]:
        """Return every path as `index` does, and leave each file's content in `into`, under its sha256."""
