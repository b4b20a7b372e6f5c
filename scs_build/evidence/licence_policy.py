"""The licence policy of a checkout: read strictly, its expressions checked, its entries found by artefact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from scs_build.canonical import sha256_bytes
from scs_build.errors import Location, PolicyError
from scs_build.evidence.expressions import identifiers, normal
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.description import Identity
from scs_build.recipes.catalogue import Catalogue
from scs_build.recipes.document import Pointer
from scs_build.recipes.explain import near_miss
from scs_build.recipes.licences import LicencePolicy, Named
from scs_build.recipes.loader import locate, parse, read_bytes

FILE = "policy/licences.yaml"
N = TypeVar("N", bound=Named)


@dataclass(frozen=True)
class Policy:
    """The policy and the bytes that it was read from."""

    model: LicencePolicy
    raw: bytes

    @property
    def sha256(self) -> str:
        """The hash of the file."""
        return sha256_bytes(self.raw)

    @property
    def own(self) -> frozenset[str]:
        """The licences without an SPDX identifier that the policy knows."""
        return frozenset(self.model.own)

    def where(self, *pointer: str | int) -> Location:
        """Return where an entry stands."""
        return locate(self.raw, FILE, pointer)


def load_policy(root: Path) -> Policy:
    """Read the policy below `root`; raises `PolicyError` (or `FormatError`) at what is wrong in it."""
    return _read(read_bytes(root / FILE, FILE, PolicyError))


def policy_of(catalogue: Catalogue) -> Policy:
    """Read the policy that applies: that of the highest layer that has one, else ours."""
    return load_policy(catalogue.file(FILE)[0].parents[1])


@cache
def _read(raw: bytes) -> Policy:
    policy = Policy(parse(raw, LicencePolicy, FILE, error=PolicyError), raw)
    _check_identifiers(policy, "free", policy.model.free)
    _check_identifiers(policy, "exceptions", policy.model.exceptions)
    used = set()
    for pointer, expression in policy.model.expressions():
        try:
            used |= {word.strip("()") for word in normal(expression, policy.own).split()}
        except ValueError as error:
            raise PolicyError(f"{expression}: {error}", where=policy.where(*pointer)) from error
    for name in policy.model.own:
        if name not in used:
            raise _error(policy, ("own", name), f"no entry of this file uses {name}", "remove it")
    return policy


def _check_identifiers(policy: Policy, field: str, names: Sequence[str]) -> None:
    known = identifiers()
    for index, name in enumerate(names):
        if name not in known.values():
            near = known.get(name.lower()) or known.get(near_miss(name, list(known)) or "")
            hint = f"did you mean {near}?" if near else "look at https://spdx.org/licenses"
            raise _error(policy, (field, index), f"`{name}` is not an SPDX identifier", hint)
        if name in names[:index]:
            raise _error(policy, (field, index), f"{name} is there twice", "remove one of them")


def _error(policy: Policy, pointer: Pointer, reason: str, solution: str) -> PolicyError:
    return PolicyError(f"{pointer[0]}: {reason}", where=policy.where(*pointer), solution=solution)


def entries_for(entries: Sequence[N], artefact: Artefact, identity: Identity) -> list[tuple[int, N]]:
    """Return the entries about an artefact, by their index; their texts are not compared here."""
    return [
        (index, entry)
        for index, entry in enumerate(entries)
        if entry.subject == (identity.family, identity.subject)
        and (not entry.packages or artefact.name in entry.packages)
        and (entry.versions is None or _in_range(entry.versions, artefact.version))
    ]


def _in_range(versions: str, version: str) -> bool:
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(versions).contains(version, prereleases=True)
