"""Which artefacts of an image need which others, as they say themselves: what each kind can tell."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Edges:
    """Names of what each artefact (by name) needs among the artefacts, and needs that nothing fulfils."""

    needs: dict[str, set[str]] = field(default_factory=dict)
    unmet: dict[str, list[str]] = field(default_factory=dict)
