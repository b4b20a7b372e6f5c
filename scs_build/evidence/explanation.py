"""Why a path is in an image: from recipes, locks and rules on paths, never from what a build chose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from scs_build.build.files import recipe_entries
from scs_build.build.pyc import bytecode_path
from scs_build.evidence.content import Item
from scs_build.evidence.patching import brought, removed
from scs_build.evidence.sources import Source, described, member_of, sources_of, status_of
from scs_build.evidence.subject import Subject
from scs_build.inputs.artefact import Member
from scs_build.recipes.models import Dropped, Generated
from scs_build.recipes.patches.patch import Patch
from scs_build.recipes.patterns import Matcher

Kind = Literal["recipe", "status", "artefact", "bytecode", "generated", "parent"]


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody who brings a path, and as what: an artefact, or the recipe of the image `by`.

    `patches` are those of the recipe that the path is owed to, beside the artefact.
    """

    member: Member
    kind: Kind
    by: str
    source: Source | None = None
    patches: tuple[Patch, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a path is there.

    `by` is the artefact (`deb:libc6`), the recipe (`recipe:keystone`) or the program that brings it. `of` is
    the source file of byte code, or the pattern of the rule. `patches` are those that the path,
    or the source file of byte code, is owed to beside the artefact.
    """

    kind: Kind
    by: str = ""
    of: str = ""
    source: Source | None = None
    patches: tuple[Patch, ...] = ()


class Explainer:
    """Explains the paths of one image."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.sources = sources_of(subject.graph, subject.store, subject.name)
        self.rules = subject.graph.rules(subject.name)
        self._generated = Matcher([rule.path for rule in self.rules.generated])
        self._dropped = Matcher([rule.path for rule in self.rules.dropped])

    @cached_property
    def claims(self) -> dict[str, list[Claim]]:
        """Everything that recipes and artefacts bring, by path; recipes first, then the lowest lock."""
        found: dict[str, list[Claim]] = {}
        for claim in self._claims():
            found.setdefault(claim.member.path, []).append(claim)
        return found

    def _claims(self) -> Iterator[Claim]:
        graph, store = self.subject.graph, self.subject.store
        for component in graph.lineage(self.subject.name):
            for entry in recipe_entries(graph, component):
                yield Claim(member_of(entry), "recipe", f"recipe:{component.name}")
        for source in self.sources:
            for member in status_of(store, source):
                yield Claim(member, "status", source.id, source)
        for source in self.sources:
            for member, patches in brought(graph, store, source):
                yield Claim(member, "artefact", source.id, source, patches)

    @cached_property
    def removed(self) -> dict[str, tuple[Source, tuple[Patch, ...]]]:
        """The paths that patches of the recipes remove: of what, and by which."""
        graph, store = self.subject.graph, self.subject.store
        return {
            path: (source, patches)
            for source in self.sources
            for path, patches in removed(graph, store, source).items()
        }

    @cached_property
    def _bytecode(self) -> dict[str, str]:
        """The source file of each path that may hold byte code."""
        version = self.subject.graph.series.python.version
        sources = (path for path in self.subject.items if path.endswith(".py"))
        return {bytecode_path(path, version): path for path in sources}

    @cached_property
    def _makers(self) -> dict[str, Source]:
        """The distribution that a generated path belongs to: its programs, and its folder of metadata."""
        graph, found = self.subject.graph, {}
        for source in self.sources:
            prefix = graph.series.python.prefix.lstrip("/")
            for program in described(self.subject.store, source).programs:
                found[f"{prefix}/bin/{program}"] = source
        for path, claims in self.claims.items():
            folder, _, name = path.rpartition("/")
            if name == "METADATA" and folder.endswith(".dist-info") and claims[0].source:
                found[folder] = claims[0].source
        return found

    def generated(self, path: str) -> Generated | None:
        """Return the rule that says who generates a path."""
        rule = self._generated.first(path)
        return None if rule is None else self.rules.generated[rule]

    def dropped(self, path: str) -> Dropped | None:
        """Return the rule that says why the image does not ship a path."""
        rule = self._dropped.first(path)
        return None if rule is None else self.rules.dropped[rule]

    def explain(self, item: Item) -> Explanation | None:
        """Return why a path is there, or None; directories that only hold others are not looked at here."""
        claims = self.claims.get(item.path, ())
        for claim in claims:
            if differences(item, claim.member) == ():
                return Explanation(claim.kind, claim.by, source=claim.source, patches=claim.patches)
        if item.capability:
            return None
        plain = (item.type, item.mode, item.uid, item.gid) == ("file", 0o644, 0, 0)
        if plain and (source := self._bytecode.get(item.path)):
            of = next(iter(self.claims.get(source, ())), None)
            if of is None:
                return Explanation("bytecode", of=source)
            return Explanation("bytecode", of.by, source, of.source, of.patches)
        rule, maker = self.generated(item.path), self.maker(item.path)
        if rule is None or (claims and not self._may_differ(rule, claims)):
            return None
        if not claims and maker is None and item.type == "file" and self._is_program(item.path):
            return None
        return Explanation("generated", rule.by, rule.path, maker)

    def _is_program(self, path: str) -> bool:
        """Tell whether a path is a program of the virtual environment: those have entry points."""
        return path.rpartition("/")[0] == f"{self.subject.graph.series.python.prefix.lstrip('/')}/bin"

    @staticmethod
    def _may_differ(rule: Generated, claims: Iterable[Claim]) -> bool:
        """Tell whether a rule covers content that is not the artefact's.

        What installs distributions writes some of their members anew; scripts of packages may only where
        the rule says so.
        """
        return rule.altered or all(claim.source and claim.source.built.kind == "wheel" for claim in claims)

    def maker(self, path: str) -> Source | None:
        """Return the distribution for which a path was generated, where one can be told."""
        return self._makers.get(path) or self._makers.get(path.rpartition("/")[0])


def differences(item: Item, member: Member) -> tuple[str, ...]:
    """Return in what a path is not what somebody brings: type, content, target, mode, owner, capabilities."""
    if member.type == "hardlink" and item.type == "file":
        same_type, same_content = True, item.sha256 == member.sha256
    else:
        same_type = item.type == member.type
        same_content = item.type != "file" or item.sha256 == member.sha256
    facts = {
        "type": same_type,
        "content": same_content,
        "target": item.type not in ("link", "hardlink") or item.link == member.link,
        "mode": item.type == "link" or item.mode == member.mode,
        "owner": (item.uid, item.gid) == (member.uid, member.gid),
        "capabilities": not item.capability,
    }
    return tuple(name for name, same in facts.items() if not same)
