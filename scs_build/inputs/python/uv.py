"""Resolves Python requirements with uv and picks one file per distribution."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from scs_build.errors import FetchError, ProgramError, ResolutionError, SiteError
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.python.environment import environment, tags, uv_platform
from scs_build.run import Completed, clean_environment, run

if TYPE_CHECKING:
    from packaging.pylock import Package, PackageSdist, PackageWheel

    from scs_build.recipes.models import PythonChannel
    from scs_build.recipes.site import Site


def uv(*args: str | Path, stdin: bytes = b"") -> Completed:
    """Run the uv of this installation; it never fetches an interpreter."""
    from uv import find_uv_bin

    extra = {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
    return run([find_uv_bin(), *args], env=clean_environment(extra), stdin=stdin, timeout=1800)


def indices(site: Site) -> tuple[str, ...]:
    """Return the base URLs of the Python indices: the site's, else the one that uv uses by itself."""
    return tuple(url.rstrip("/") for url in site.python) or default_indices()


@cache
def default_indices() -> tuple[str, ...]:
    """Ask uv for its own indices; raises `SiteError` when it names none."""
    text = uv("pip", "compile", "--no-config", "--emit-index-url", "--no-header", "-q", "-").stdout.decode()
    words = [line.partition(" ") for line in text.splitlines()]
    found = tuple(url for option, _, url in words if option in ("--index-url", "--extra-index-url"))
    if not found:
        raise SiteError("uv names no index", solution="name one as `python` in the site configuration")
    return tuple(url.rstrip("/") for url in found)


def resolve(
    requirements: Sequence[str],
    *,
    channel: PythonChannel,
    platform: str,
    site: Site,
    work: Path,
    constraints: Iterable[str] = (),
    prefer: Mapping[str, str] | None = None,
    from_source: Collection[str] = (),
) -> list[Artefact]:
    """Return one wheel or sdist per distribution (role `image`), sorted by name.

    `constraints` are requirement lines that hold and demand nothing; `prefer` maps names to the versions to
    take where possible; `from_source` are the distributions that come as sdist. Raises `ResolutionError`,
    or `FetchError` when an index does not answer.
    """
    work.mkdir(parents=True, exist_ok=True)
    inputs, limits, output = work / "requirements.in", work / "constraints.txt", work / "pylock.toml"
    inputs.write_text("\n".join(requirements) + "\n")
    limits.write_text("\n".join(constraints) + "\n")
    _write_preferences(output, prefer or {})
    index = [option for n, url in enumerate(site.python) for option in _index_option(n, url)]
    sources = [option for name in sorted(from_source) for option in ("--no-binary", name)]
    try:
        uv(
            "pip", "compile", "-q", "--no-header", "--format", "pylock.toml", "-o", output, "-c", limits,
            "--python", sys.executable, "--python-version", channel.version,
            "--python-platform", uv_platform(channel, platform), *index, *sources, inputs,
        )  # fmt: skip
    except ProgramError as error:
        if "Failed to fetch" in error.reason or "error sending request" in error.reason:
            raise FetchError(f"uv cannot reach an index: {error.reason}") from error
        raise ResolutionError(f"uv finds no solution: {error.reason}") from error
    return _select(output, channel, platform, from_source)


def _index_option(number: int, url: str) -> tuple[str, str]:
    return ("--default-index" if number == 0 else "--index", url)


def _write_preferences(path: Path, prefer: Mapping[str, str]) -> None:
    """Leave a lock for uv, which keeps the versions of the file that it is about to replace."""
    path.unlink(missing_ok=True)
    if not prefer:
        return
    rows = [f'[[packages]]\nname = "{n}"\nversion = "{version}"\n' for n, version in sorted(prefer.items())]
    path.write_text('lock-version = "1.0"\ncreated-by = "scs-build"\n' + "\n".join(rows))


def _select(
    path: Path, channel: PythonChannel, platform: str, from_source: Collection[str]
) -> list[Artefact]:
    from packaging.pylock import PackageSdist, PackageWheel, Pylock, PylockSelectError

    lock = Pylock.from_dict(tomllib.loads(path.read_text(encoding="utf-8")))
    found: list[Artefact] = []
    only_source: list[str] = []
    chosen = lock.select(environment=environment(channel, platform), tags=tags(channel, platform))
    try:
        for package, file in chosen:
            if isinstance(file, PackageWheel):
                found.append(_artefact("wheel", package, file))
            elif isinstance(file, PackageSdist) and package.name in from_source:
                found.append(_artefact("sdist", package, file))
            else:
                only_source.append(package.name)
    except PylockSelectError as error:
        raise ResolutionError(str(error)) from error
    if only_source:
        raise ResolutionError(
            f"there is no usable wheel of {', '.join(sorted(only_source))}",
            solution="name it in the recipe's python.compile, and what its build needs in python.build",
        )
    return sorted(found, key=lambda artefact: artefact.name)


def _artefact(kind: str, package: Package, file: PackageWheel | PackageSdist) -> Artefact:
    if not file.size or "sha256" not in file.hashes:
        raise ResolutionError(f"the index tells no size or sha256 of {file.filename}")
    version, data = str(package.version), {"file": file.filename}
    return Artefact(kind, package.name, version, file.hashes["sha256"], file.size, data=data)
