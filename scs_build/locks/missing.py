"""Which pins of locks no source has any more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scs_build.errors import FetchError
from scs_build.inputs.artefact import Artefact
from scs_build.locks.files import read_own_lock
from scs_build.locks.layered import lock_of
from scs_build.store.reachable import SECONDS, Verdict, ask_all

if TYPE_CHECKING:
    from scs_build.progress import Progress
    from scs_build.recipes.catalogue import Catalogue
    from scs_build.recipes.site import Site
    from scs_build.store.store import Store

# So many are told one by one in an error.
TOLD = 8


@dataclass(frozen=True)
class Pin:
    """One line of the lock of an image, and what the sources say of it; whether the store `holds` it."""

    image: str
    line: Artefact
    verdict: Verdict
    holds: bool

    def __str__(self) -> str:
        return (
            f"{self.image}: {self.line.id} {self.line.version}: {self.verdict.reason or self.verdict.state}"
        )

    def to_json(self) -> dict[str, object]:
        """Return the pin as the object that `--json` prints."""
        return {
            "image": self.image,
            "id": self.line.id,
            "version": self.line.version,
            "state": self.verdict.state,
            "reason": self.verdict.reason,
            "in_store": self.holds,
        }


@dataclass(frozen=True)
class Reachability:
    """The pins that are not served, of how many that were looked at; sorted by image."""

    pins: int
    unserved: tuple[Pin, ...]

    @property
    def gone(self) -> tuple[Pin, ...]:
        """Those of which every source says that it has them not."""
        return tuple(pin for pin in self.unserved if pin.verdict.state == "gone")

    @property
    def unknown(self) -> tuple[Pin, ...]:
        """Those that a source that did not answer may have."""
        return tuple(pin for pin in self.unserved if pin.verdict.state == "unknown")


def locked_lines(
    catalogue: Catalogue, series: str, names: Collection[str], platform: str
) -> dict[str, tuple[Artefact, ...]]:
    """Return the lines of the lock of each image; raises `LockError` where one is missing or not valid."""
    return {
        name: read_own_lock(lock_of(catalogue.component(name), series), platform).artefacts
        for name in sorted(names)
    }


def find_missing(
    locked: Mapping[str, Collection[Artefact]],
    store: Store,
    site: Site,
    progress: Progress,
    *,
    every: bool = False,
    seconds: float = SECONDS,
) -> Reachability:
    """Return which pins no source has: of those that the store does not hold, else of `every` one."""
    held = {line.sha256: store.has(line.sha256, line.size) for lines in locked.values() for line in lines}
    wanted = [(n, line) for n, lines in locked.items() for line in lines if every or not held[line.sha256]]
    verdicts = ask_all(store, [line for _, line in wanted], site, progress, seconds=seconds)
    pins = (Pin(name, line, verdicts[line.sha256], held[line.sha256]) for name, line in wanted)
    unserved = tuple(pin for pin in pins if pin.verdict.state != "served")
    return Reachability(sum(map(len, locked.values())), unserved)


def refuse_unknown(found: Reachability) -> None:
    """Raise `FetchError` when it is not known of a pin whether it vanished: then it is not replaced."""
    if unknown := found.unknown:
        listing = "\n".join(f"    {pin}" for pin in unknown[:TOLD])
        more = f"\n    and {len(unknown) - TOLD} more" if len(unknown) > TOLD else ""
        raise FetchError(
            f"whether {len(unknown)} pins vanished is not known:\n{listing}{more}",
            solution="run it again when the mirrors answer, or name others in the site file",
        )
