"""The typed form of the hardening policy, `policy/hardening.yaml`: what must hold of every image, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from scs_build.recipes.models import Line, Model, Name, PathPattern, Reason

ConfigurationName = Literal["user", "entrypoint", "configuration-secret"]
ModeName = Literal["setuid", "file-capability", "world-writable", "user-writable", "special-file"]
LinkageName = Literal[
    "pie",
    "relro",
    "bind-now",
    "stack-protector",
    "fortify",
    "executable-stack",
    "writable-code",
    "library-path",
    "readable",
]
FormName = Literal["private-key", "token", "url-credentials", "password-hash", "build-path"]
Scope = Literal["every", "programs", "compiled"]


class Rule(Model):
    """What every rule says of itself."""

    requires: Line = Field(description="what must hold of an image, in one line")
    reason: Reason = Field(description="why it must")
    spares: dict[PathPattern, Reason] = Field(
        default_factory=dict, description="paths that the rule does not look at, each with the reason"
    )


class ProgramRule(Rule):
    """Programs that no image may hold."""

    programs: tuple[Line, ...] = Field(
        (), description="names of executable files, in whichever folder; `*` stands for anything"
    )
    paths: tuple[PathPattern, ...] = Field((), description="other paths that show that they are there")


class PathRule(Rule):
    """Paths that no image may hold."""

    paths: tuple[PathPattern, ...] = Field(description="the paths")
    filled: bool = Field(False, description="an empty file is allowed, as engines mount over it")


class ContentRule(Rule):
    """What no file may hold."""

    forms: tuple[FormName, ...] = Field(
        description="the forms that are looked for, see the code of the check"
    )


class LinkageRule(Rule):
    """How machine code must be linked."""

    of: tuple[Scope, ...] = Field(
        description="`every` file of machine code, only `programs`, what was `compiled` for this image"
    )


class Hardening(Model):
    """The contract that every image fulfils: `policy/hardening.yaml`."""

    format: Literal[1] = Field(description="version of this file format")
    configuration: dict[ConfigurationName, Rule] = Field(description="rules about how a container starts")
    modes: dict[ModeName, Rule] = Field(description="rules about owners, modes and types of paths")
    programs: dict[Name, ProgramRule] = Field(description="rules about programs that are not there")
    paths: dict[Name, PathRule] = Field(description="rules about paths that are not there")
    contents: dict[Name, ContentRule] = Field(description="rules about the content of files")
    linkage: dict[LinkageName, LinkageRule] = Field(description="rules about machine code (ELF)")

    @model_validator(mode="after")
    def _names_once(self) -> Hardening:
        seen: set[str] = set()
        for name, _ in self.rules():
            if name in seen:
                raise ValueError(f"two rules have the name `{name}`")
            seen.add(name)
        return self

    def rules(self) -> Iterator[tuple[str, Rule]]:
        """Yield every rule with its name."""
        for part in (self.configuration, self.modes, self.programs, self.paths, self.contents, self.linkage):
            yield from part.items()
