"""Lockers leave what they fetch in the store, where builds find it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scs_build.inputs.artefact import Artefact
from scs_build.inputs.locking import TIMEOUT
from scs_build.progress import Progress
from scs_build.recipes.site import Site
from scs_build.store.downloads import download_of
from scs_build.store.fetch import fetch
from scs_build.store.receive import receive
from scs_build.store.store import Store
from scs_build.store.transport import Patience


@dataclass(frozen=True)
class StoreDepot:
    """The `Depot` of a store."""

    store: Store
    site: Site
    progress: Progress
    timeout: int = TIMEOUT

    @property
    def _patience(self) -> Patience:
        return replace(Patience(), read=self.timeout)

    def bring(self, artefacts: Sequence[Artefact]) -> list[Path]:
        """Return the file of each artefact, fetched and checked where it is missing."""
        downloads = [download_of(artefact, self.site) for artefact in artefacts]
        fetch(self.store, downloads, progress=self.progress, patience=self._patience)
        return [self.path(artefact.sha256) for artefact in artefacts]

    def receive(self, name: str, urls: Iterable[str]) -> tuple[str, int]:
        """Fetch what has no hash yet; return its sha256 and size."""
        return receive(self.store, name, urls, progress=self.progress, patience=self._patience)

    def path(self, sha256: str) -> Path:
        """Return the file with that hash."""
        return self.store.blob(sha256)
