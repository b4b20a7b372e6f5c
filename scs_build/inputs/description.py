"""What an artefact says about itself, and the names by which the world knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

# How a licence is stated: an SPDX expression; the short name of a machine-readable Debian copyright file;
# a free text; a classifier of Python's index. The weaker ones count where no stronger one is there.
Form = Literal["expression", "debian", "field", "classifier"]


@dataclass(frozen=True)
class Statement:
    """A licence in the artefact's own words."""

    form: Form
    text: str


@dataclass(frozen=True)
class Text:
    """A licence text that the artefact brings: a path among its members, and the hash of its content."""

    path: str
    sha256: str


@dataclass(frozen=True)
class Description:
    """What reading an artefact shows; `path` is the member that says it, empty where there is none.

    `texts_of` names another artefact of the same kind that holds the licence texts of this one.
    `refers` are absolute paths that the texts point to. `needs` are dependencies where the lock does not
    have them (PEP 508), `programs` the names of the programs that installing makes. `bundled` are other
    artefacts that its makers put into it.
    """

    summary: str = ""
    homepage: str = ""
    statements: tuple[Statement, ...] = ()
    texts: tuple[Text, ...] = ()
    texts_of: str = ""
    refers: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    bundled: tuple[Bundled, ...] = ()
    path: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the description as plain values; `from_json` reads them."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Description:
        """Read what `to_json` wrote."""
        lists = {name: tuple(value[name]) for name in ("refers", "needs", "programs")}
        statements = tuple(Statement(**each) for each in value["statements"])
        texts = tuple(Text(**each) for each in value["texts"])
        bundled = tuple(
            Bundled(**{**each, "description": cls.from_json(each["description"])})
            for each in value["bundled"]
        )
        return cls(**{**value, **lists, "statements": statements, "texts": texts, "bundled": bundled})


@dataclass(frozen=True)
class Bundled:
    """An artefact inside of another one, and what its metadata there says."""

    name: str
    version: str
    description: Description


@dataclass(frozen=True)
class Origin:
    """What an artefact was made from; `purl` is its package URL."""

    name: str
    version: str
    purl: str


@dataclass(frozen=True)
class Identity:
    """The package URL of an artefact, the family that its licence is stated under, and its origin.

    `family` and `subject` are how policies name it: `source` and a Debian source package, `distribution`
    and a Python distribution, `input` and an input of a recipe.
    """

    purl: str
    family: Literal["source", "distribution", "input"]
    subject: str
    origin: Origin | None = None
