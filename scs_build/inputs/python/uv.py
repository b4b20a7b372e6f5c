"""Resolves Python requirements with uv and picks one file per distribution."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from scs_build.errors import FetchError, ProgramError, ResolutionError, SiteError
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.locking import TIMEOUT
from scs_build.inputs.python.environment import environment, tags, uv_platform
from scs_build.run import Completed, clean_environment, run

if TYPE_CHECKING:
    from packaging.pylock import Package, PackageWheel

    from scs_build.recipes.models import PythonChannel
    from scs_build.recipes.site import Site


def uv(*args: str | Path, stdin: bytes = b"", timeout: int = TIMEOUT) -> Completed:
    """Run the uv of this installation: without configuration of this machine, and it fetches no interpreter.

    `timeout` is what it grants an index for an answer, in seconds.
    """
    from uv import find_uv_bin

    extra = {
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_CONFIG": "1",
        "UV_NO_PROGRESS": "1",
        "UV_HTTP_TIMEOUT": str(timeout),
        "UV_HTTP_CONNECT_TIMEOUT": str(timeout),
    }
    return run([find_uv_bin(), *args], env=clean_environment(extra), stdin=stdin, timeout=1800)


def indices(site: Site) -> tuple[str, ...]:
    """Return the base URLs of the Python indices: the site's, else the one that uv uses by itself."""
    return tuple(url.rstrip("/") for url in site.python) or default_indices()


@cache
def default_indices() -> tuple[str, ...]:
    """Ask uv for its own indices; raises `SiteError` when it names none."""
    text = uv("pip", "compile", "--emit-index-url", "--no-header", "-q", "-").stdout.decode()
    words = [line.partition(" ") for line in text.splitlines()]
    found = tuple(url for option, _, url in words if option in ("--index-url", "--extra-index-url"))
    if not found:
        raise SiteError("uv names no index", solution="name one as `python` in the site configuration")
    return tuple(url.rstrip("/") for url in found)


def resolve(
    requirements: Sequence[str],
    *,
    index: str,
    channel: PythonChannel,
    platform: str,
    work: Path,
    constraints: Iterable[str] = (),
    prefer: Mapping[str, str] | None = None,
    sdists: Mapping[str, Artefact] | None = None,
    stubs: Path | None = None,
    timeout: int = TIMEOUT,
) -> list[Artefact]:
    """Return one wheel or sdist per distribution (role `image`), sorted by name; nothing is built.

    `constraints` are requirement lines that hold and demand nothing; `prefer` maps names to the versions to
    take where possible; `sdists` are taken for the distributions of their names, in the folder `stubs` lies
    a wheel with the metadata of each. Raises `ResolutionError`, or `FetchError` when the index does not
    answer.
    """
    work.mkdir(parents=True, exist_ok=True)
    inputs, limits, output = work / "requirements.in", work / "constraints.txt", work / "pylock.toml"
    sdists = sdists or {}
    pinned = [f"{name}=={sdist.version}" for name, sdist in sdists.items()]
    inputs.write_text("\n".join(requirements) + "\n")
    limits.write_text("\n".join([*constraints, *pinned]) + "\n")
    _write_preferences(output, prefer or {})
    try:
        # Without --only-binary, uv would run the code of sdists to learn what they require.
        uv(
            "pip", "compile", "-q", "--no-header", "--format", "pylock.toml", "-o", output, "-c", limits,
            "--python", sys.executable, "--python-version", channel.version, "--only-binary", ":all:",
            "--python-platform", uv_platform(channel, platform), "--default-index", index,
            *(("--find-links", stubs) if stubs else ()), inputs, timeout=timeout,
        )  # fmt: skip
    except ProgramError as error:
        if "Failed to fetch" in error.reason or "error sending request" in error.reason:
            raise FetchError(f"uv cannot reach an index: {error.reason}") from error
        raise _unsolved(error, sdists) from error
    return _select(output, channel, platform, sdists)


def _unsolved(error: ProgramError, sdists: Mapping[str, Artefact]) -> ResolutionError:
    solution = None
    if "building from source is disabled" in error.reason:
        solution = "name in python.compile of the recipe what has no wheel, in python.build what builds it"
    elif chosen := ", ".join(f"{n} {sdist.version}" for n, sdist in sdists.items() if n in error.reason):
        solution = f"of what is compiled, the newest allowed is taken ({chosen}): constrain it in the recipe"
    # Without the line of the command, which names files that only locking has.
    _, _, said = error.reason.partition("\n")
    return ResolutionError(f"uv finds no solution\n{said}" if said else error.reason, solution=solution)


def _write_preferences(path: Path, prefer: Mapping[str, str]) -> None:
    """Leave a lock for uv, which keeps the versions of the file that it is about to replace."""
    path.unlink(missing_ok=True)
    if not prefer:
        return
    rows = [f'[[packages]]\nname = "{n}"\nversion = "{version}"\n' for n, version in sorted(prefer.items())]
    path.write_text('lock-version = "1.0"\ncreated-by = "scs-build"\n' + "\n".join(rows))


def _select(
    path: Path, channel: PythonChannel, platform: str, sdists: Mapping[str, Artefact]
) -> list[Artefact]:
    from packaging.pylock import PackageWheel, Pylock, PylockSelectError

    lock = Pylock.from_dict(tomllib.loads(path.read_text(encoding="utf-8")))
    chosen = lock.select(environment=environment(channel, platform), tags=tags(channel, platform))
    found: list[Artefact] = []
    try:
        for package, file in chosen:
            if package.name in sdists:
                found.append(sdists[package.name])
            elif isinstance(file, PackageWheel):
                found.append(_artefact(package, file))
            else:
                raise ResolutionError(f"there is no wheel of {package.name} {package.version}")
    except PylockSelectError as error:
        raise ResolutionError(str(error)) from error
    return sorted(found, key=lambda artefact: artefact.name)


def _artefact(package: Package, file: PackageWheel) -> Artefact:
    if not file.size or "sha256" not in file.hashes:
        raise ResolutionError(f"the index tells no size or sha256 of {file.filename}")
    version, data = str(package.version), {"file": file.filename}
    return Artefact("wheel", package.name, version, file.hashes["sha256"], file.size, data=data)
