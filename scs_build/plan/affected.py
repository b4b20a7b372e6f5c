"""Which images a change affects: their keys at a revision compared with their keys now."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from scs_build.errors import InputError, ProgramError
from scs_build.plan.graph import Graph
from scs_build.recipes.catalogue import Catalogue
from scs_build.run import run


def keys_of(root: Path, series: str, platform: str, layers: Iterable[Path] = ()) -> dict[str, str]:
    """Return the key of every image of a series below `root`, with `layers` over it.

    A series that is not there has none.
    """
    catalogue = Catalogue.load(root, layers)
    if not (root / "images/series" / series).is_dir():
        return {}
    graph = Graph(catalogue, catalogue.series(series), platform)
    return {name: graph.image(name).key for name in catalogue.images(catalogue.series(series))}


def checkout(repository: Path, revision: str, into: Path, what: Sequence[str] = ("images",)) -> None:
    """Put `images/` of a revision (or `what` else) into a directory; the work tree is not touched."""
    try:
        # Two steps, so that a revision is never an option of git.
        found = run(
            ["git", "-C", repository, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{tree}}"]
        )
        tree = found.stdout.decode().strip()
        archive = run(["git", "-C", repository, "archive", "--format=tar", tree, "--", *what])
    except ProgramError as error:
        raise InputError(
            f"git has no {' '.join(what)}/ at {revision!r}: {error.reason.splitlines()[-1].strip()}",
            solution="name a commit, branch or tag of this repository",
        ) from error
    try:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            # Python 3.11.2, that of Debian 12, has no filters yet.
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            tar.extractall(into)
    except tarfile.TarError as error:  # a link that leads out of the checkout
        raise InputError(f"images/ at {revision!r} cannot be unpacked: {error}") from error


def compare(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Return what became of each image whose key is not the same: `added`, `removed` or `changed`."""
    names = sorted(before.keys() | now.keys())
    outcome = {name: _outcome(before.get(name), now.get(name)) for name in names}
    return {name: text for name, text in outcome.items() if text}


def _outcome(before: str | None, now: str | None) -> str:
    if before == now:
        return ""
    if before is None:
        return "added"
    return "removed" if now is None else "changed"
