"""Writing a stack for the ordinary Compose tool: its file, with configuration and secrets beside it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from scs_build.errors import InputError, Location
from scs_build.stack.compose import Compose, mounts_of
from scs_build.stack.launch import variables_of
from scs_build.stack.reader import read_compose
from scs_build.stack.templates import generate_secret, read_values, rendered

VARIABLES = ".env"


def render_stack(source: Path, series: str, into: Path) -> tuple[str, ...]:
    """Write the stack of the Compose file `source` into the new folder `into`; return what was written.

    Secrets are new. The folder is for its owner alone; inside it everybody can read, as every service has a
    user of its own. Raises `InputError` when there is something already: its volumes know its secrets.
    """
    compose = read_compose(source)
    if into.is_file() or (into.is_dir() and any(into.iterdir())):
        raise InputError(
            "there is something already", where=Location(str(into)), solution="name a new folder"
        )
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{into.name}.", dir=into.parent) as scratch:
        folder = Path(scratch, "stack")
        folder.mkdir(mode=0o700)
        written = dict(_files(compose, source, series))
        for relative, content in written.items():
            (folder / relative).parent.mkdir(parents=True, exist_ok=True)
            (folder / relative).write_bytes(content)
        for path in folder.rglob("*"):  # whatever the umask: what services cannot read, they cannot use
            path.chmod(0o755 if path.is_dir() else 0o644)
        folder.rename(into)
    return tuple(map(str, written))


def images_of(source: Path) -> tuple[str, ...]:
    """Return the images that a stack needs, each once."""
    return tuple(dict.fromkeys(service.image for service in read_compose(source).services.values()))


def _files(compose: Compose, source: Path, series: str) -> Iterator[tuple[Path, bytes]]:
    """Yield every file, by its place in the folder."""
    values = read_values(source.with_name("values.yaml"))
    secrets = {name: generate_secret() for name in compose.secrets}
    yield Path("compose.yaml"), source.read_bytes()
    variables = variables_of(secrets, series)
    yield Path(VARIABLES), "".join(f"{name}={value}\n" for name, value in variables.items()).encode()
    for name, secret in compose.secrets.items():
        yield Path(secret.file), secrets[name].encode()
    for service in compose.services.values():
        for place in (Path(mount.source) for mount in mounts_of(service) if not mount.named):
            for relative, content in rendered(source.parent / place, values, secrets):
                yield place / relative, content
