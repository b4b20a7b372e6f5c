"""The typed form of the licence policy, `policy/licences.yaml`: what is free, and what texts mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from scs_build.recipes.document import Pointer
from scs_build.recipes.models import LICENCE_REFERENCE, SHA256, Line, Model, Reason

Reference = Annotated[str, StringConstraints(pattern=LICENCE_REFERENCE)]
Sha256 = Annotated[str, StringConstraints(pattern=SHA256)]

FAMILIES = ("source", "distribution", "input")


class Named(Model):
    """Which artefacts an entry is about: of a Debian source, a distribution, or an input of a recipe."""

    source: Line | None = Field(None, description="a Debian source package")
    distribution: Line | None = Field(None, description="a Python distribution")
    input: Line | None = Field(None, description="an input of a recipe")
    packages: tuple[Line, ...] = Field((), description="only these binary packages of the source; none: all")
    versions: Line | None = Field(None, description="only these versions of a distribution, such as ==1.2")
    reason: Reason = Field(description="how this was found out, or why it is accepted")

    @model_validator(mode="after")
    def _one_subject(self) -> Named:
        if sum(getattr(self, family) is not None for family in FAMILIES) != 1:
            raise ValueError("give exactly one of `source`, `distribution` and `input`")
        if self.packages and self.source is None:
            raise ValueError("`packages` are of a `source`")
        if self.versions and self.distribution is None:
            raise ValueError("`versions` are of a `distribution`")
        return self

    @property
    def subject(self) -> tuple[str, str]:
        """The family and the name of what the entry is about."""
        found = ((family, getattr(self, family)) for family in FAMILIES)
        return next((family, name) for family, name in found if name is not None)


class Stated(Named):
    """The licence of an artefact that no rule can read, as a person read it in its text."""

    text: Sha256 | None = Field(
        None, description="hash of the licence text that was read; another needs a new look"
    )
    licence: Line | None = Field(None, description="the SPDX expression of the whole")
    names: dict[Line, Line] = Field(
        default_factory=dict, description="what names in this copyright file mean, as SPDX expressions"
    )

    @model_validator(mode="after")
    def _complete(self) -> Stated:
        if (self.licence is None) == (not self.names):
            raise ValueError("give either `licence` or `names`")
        if self.text is None and self.versions is None:
            raise ValueError("give the hash of the `text` that was read, or the `versions` without one")
        return self


class LicencePolicy(Model):
    """Which licences are free, and what is said of licences means: `policy/licences.yaml`."""

    format: Literal[1] = Field(description="version of this file format")
    free: tuple[Line, ...] = Field(description="SPDX identifiers of free licences")
    exceptions: tuple[Line, ...] = Field(
        (), description="SPDX identifiers of exceptions that add permissions"
    )
    own: dict[Reference, Reason] = Field(
        default_factory=dict,
        description="free licences that SPDX has no identifier for, and why they are free",
    )
    names: dict[Line, Line] = Field(
        default_factory=dict,
        description="what others call a licence -> its SPDX expression, wherever it is said",
    )
    stated: tuple[Stated, ...] = Field((), description="licences that a person read in a text")
    without_text: tuple[Named, ...] = Field(
        (), description="artefacts whose makers ship no licence text, accepted for a reason"
    )

    def expressions(self) -> Iterator[tuple[Pointer, str]]:
        """Yield every SPDX expression of the file and where it stands."""
        for name, expression in self.names.items():
            yield ("names", name), expression
        for index, stated in enumerate(self.stated):
            if stated.licence:
                yield ("stated", index, "licence"), stated.licence
            for name, expression in stated.names.items():
                yield ("stated", index, "names", name), expression
