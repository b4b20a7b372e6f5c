"""A Debian binary package as resolving and locking see it, and the relations between packages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from scs_build.inputs.artefact import Artefact, Role

RELATIONS = ("pre_depends", "depends", "provides")


@dataclass(frozen=True)
class Package:
    """One version of a binary package; relations are as written in its control data."""

    name: str
    version: str
    architecture: str
    path: str
    sha256: str
    size: int
    source: str
    source_version: str
    essential: bool = False
    multi_arch: str = ""
    pre_depends: str = ""
    depends: str = ""
    provides: str = ""

    @classmethod
    def from_stanza(cls, stanza: Mapping[str, str]) -> Package:
        """Read a stanza of a Packages index."""
        source, _, version = stanza.get("Source", stanza["Package"]).partition(" ")
        return cls(
            name=stanza["Package"],
            version=stanza["Version"],
            architecture=stanza["Architecture"],
            path=stanza["Filename"],
            sha256=stanza["SHA256"],
            size=int(stanza["Size"]),
            source=source,
            source_version=version.strip("()") or stanza["Version"],
            essential=stanza.get("Essential") == "yes",
            multi_arch=stanza.get("Multi-Arch", ""),
            pre_depends=stanza.get("Pre-Depends", ""),
            depends=stanza.get("Depends", ""),
            provides=stanza.get("Provides", ""),
        )

    @classmethod
    def from_artefact(cls, artefact: Artefact) -> Package:
        """Read a lock line of kind `deb`."""
        data = artefact.data
        return cls(
            name=artefact.name,
            version=artefact.version,
            architecture=data["architecture"],
            path=data["path"],
            sha256=artefact.sha256,
            size=artefact.size,
            source=data["source"],
            source_version=data["source_version"],
            essential=data.get("essential", False),
            multi_arch=data.get("multi_arch", ""),
            **{field: data.get(field, "") for field in RELATIONS},
        )

    def to_artefact(self, role: Role, group: str = "") -> Artefact:
        """Return the lock line; what is empty is left out."""
        names = ("path", "source", "source_version", "architecture", "essential", "multi_arch", *RELATIONS)
        data = {name: getattr(self, name) for name in names if getattr(self, name)}
        if group:
            data["group"] = group
        return Artefact("deb", self.name, self.version, self.sha256, self.size, role, data)

    def paragraph(self, **extra: str) -> str:
        """Return control data, for a dpkg status file or a package index."""
        fields = {
            "Package": self.name,
            **extra,
            "Architecture": self.architecture,
            "Version": self.version,
            "Source": f"{self.source} ({self.source_version})",
            "Essential": "yes" if self.essential else "",
            "Multi-Arch": self.multi_arch,
            "Pre-Depends": self.pre_depends,
            "Depends": self.depends,
            "Provides": self.provides,
        }
        return "".join(f"{name}: {value}\n" for name, value in fields.items() if value)

    @cached_property
    def needs(self) -> tuple[tuple[Relation, ...], ...]:
        """What it depends on: groups of which one alternative must hold."""
        return (*parse_relations(self.pre_depends), *parse_relations(self.depends))


@dataclass(frozen=True)
class Relation:
    """A name with an optional version condition, such as `libc6 (>= 2.38)`."""

    name: str
    operator: str = ""
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.operator} {self.version})" if self.operator else self.name

    def holds(self, version: str) -> bool:
        """Tell whether `version` fulfils the condition."""
        from debian.debian_support import version_compare

        if not self.operator:
            return True
        try:
            order: int = version_compare(version, self.version)
        except ValueError:  # no version: nothing fulfils such a condition
            return False
        return {
            "<<": order < 0, "<=": order <= 0, "=": order == 0, ">=": order >= 0, ">>": order > 0,
        }.get(self.operator, False)  # fmt: skip


@lru_cache(maxsize=4096)
def parse_relations(text: str) -> tuple[tuple[Relation, ...], ...]:
    """Parse a relation field: a conjunction of groups of alternatives."""
    from debian.deb822 import PkgRelation

    if not text:
        return ()
    groups = PkgRelation.parse_relations(text)
    return tuple(tuple(Relation(p["name"], *(p["version"] or ())) for p in group) for group in groups)


class World:
    """A set of packages, one version per name, that can answer who fulfils a relation."""

    def __init__(self, packages: Iterable[Package]) -> None:
        self.packages = {package.name: package for package in packages}
        self._providers: dict[str, list[tuple[Package, Relation]]] = {}
        for package in self.packages.values():
            for provided in (each for group in parse_relations(package.provides) for each in group):
                self._providers.setdefault(provided.name, []).append((package, provided))

    def fulfilling(self, relation: Relation) -> Iterator[Package]:
        """Yield the packages that fulfil `relation`: the one of that name first, then who provides it."""
        package = self.packages.get(relation.name)
        if package and relation.holds(package.version):
            yield package
        for provider, provided in self._providers.get(relation.name, ()):
            # Policy 7.5: only a versioned provision fulfils a versioned relation.
            if not relation.operator or (provided.version and relation.holds(provided.version)):
                yield provider
