"""A lock: the exact inputs of one image in one series, per platform."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from scs_build.inputs.artefact import Artefact
from scs_build.inputs.asked import Asked

# 2: Python lines say what each distribution requires. 3: the file says what it was made for. All are read.
FORMAT = 3
# The newest format that does not say what a lock was made for.
UNASKED = 2


@dataclass(frozen=True)
class Lock:
    """The artefacts of one image for one platform (such as `linux/amd64`), sorted by kind and name.

    A child's lock holds only what it adds to its parents' locks. `asked` is what it was made for; None in
    files of earlier formats.
    """

    image: str
    series: str
    platform: str
    artefacts: tuple[Artefact, ...]
    asked: Asked | None = None

    def of_kind(self, kind: str, role: str | None = None) -> tuple[Artefact, ...]:
        """Return the artefacts of one kind, of one role when given."""
        return self._index.get((kind, role), ())

    @cached_property
    def _index(self) -> dict[tuple[str, str | None], tuple[Artefact, ...]]:
        found: dict[tuple[str, str | None], list[Artefact]] = {}
        for artefact in self.artefacts:
            found.setdefault((artefact.kind, artefact.role), []).append(artefact)
            found.setdefault((artefact.kind, None), []).append(artefact)
        return {key: tuple(artefacts) for key, artefacts in found.items()}
