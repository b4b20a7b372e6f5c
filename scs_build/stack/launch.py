"""From a service of a stack to the sandbox that runs it: mounts, volumes, secrets, configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scs_build.build.runnable import RunnableImage
from scs_build.engines.sandbox import Sandbox, divided
from scs_build.stack.compose import Compose, Mount, Service, interpolate, mounts_of, tmpfs_of, variable_of
from scs_build.stack.reader import SERIES
from scs_build.stack.templates import generate_secret, rendered

SECRETS = "/run/secrets"


@dataclass(frozen=True)
class Launch:
    """What a service needs to be started."""

    sandbox: Sandbox
    environment: dict[str, str]
    test: tuple[str, ...]


def variables_of(secrets: Mapping[str, str], series: str) -> dict[str, str]:
    """Return what the variables of a Compose file stand for; `secrets` maps their names to their values."""
    return {**{variable_of(name): value for name, value in secrets.items()}, SERIES: series}


class Workplace:
    """The private folder of one run: volumes, secrets and rendered configuration.

    `folder` is in memory and seen by this run only. `secrets` maps the names of secrets to their values.
    """

    def __init__(
        self, compose: Compose, source: Path, folder: Path, series: str, values: Mapping[str, object]
    ) -> None:
        self._compose = compose
        self._source = source
        self._folder = folder
        self._values = values
        self.secrets = {name: generate_secret() for name in compose.secrets}
        self.variables = variables_of(self.secrets, series)
        self._hosts = folder / "hosts"
        names = " ".join(("localhost", *compose.services))
        self._hosts.write_text(f"127.0.0.1 {names}\n::1 localhost\n")

    def prepare(self, name: str, image: RunnableImage) -> Launch:
        """Write what the service reads, make its volumes, and return how it is started."""
        service = self._compose.services[name]
        uid, gid = _user(service, image)
        folder = self._folder / "services" / name
        folder.mkdir(parents=True)
        inputs = {"/etc/hosts": self._hosts}
        binds: dict[str, Path] = {}
        for index, mount in enumerate(mounts_of(service)):
            place = self._volume(mount, image) if mount.named else folder / f"{index}"
            if not mount.named:
                self._configure(self._source / mount.source, place, (uid, gid))
            (inputs if mount.read_only else binds)[mount.path] = place
        for secret in service.secrets:
            inputs[f"{SECRETS}/{secret}"] = _private(
                folder / secret, self.secrets[secret].encode(), (uid, gid)
            )
        extra = {key: interpolate(text, self.variables) for key, text in service.environment.items()}
        environment, loader = divided({**image.environment, **extra})
        sandbox = Sandbox(
            layers=image.layers,
            argv=self._texts(service.command) or image.command,
            inputs=inputs,
            binds=binds,
            tmpfs={"/run": 0o755, **tmpfs_of(service)},
            uid=uid,
            gid=gid,
            network="shared",
            environment=None,
            loader=loader,
            hostname=name,
            workdir=image.workdir,
        )
        test = self._texts(service.healthcheck.test[1:]) if service.healthcheck else ()
        return Launch(sandbox, environment, test)

    def _texts(self, texts: tuple[str, ...] | None) -> tuple[str, ...]:
        return tuple(interpolate(text, self.variables) for text in texts or ())

    def _volume(self, mount: Mount, image: RunnableImage) -> Path:
        """Return the folder of a named volume; a new one is owned as the mount point of the image is."""
        folder = self._folder / "volumes" / mount.source
        if not folder.exists():
            folder.mkdir(parents=True)
            owner = _owner_in(image, mount.path)
            os.chown(folder, *owner)
        return folder

    def _configure(self, source: Path, target: Path, owner: tuple[int, int]) -> None:
        """Render a file, or every file of a folder, so that its service can read it and nobody else."""
        for relative, content in rendered(source, self._values, self.secrets):
            place = target / relative
            for folder in reversed([path for path in place.parents if path.is_relative_to(target)]):
                folder.mkdir(exist_ok=True)
                os.chown(folder, *owner)
            _private(place, content, owner)


def _private(path: Path, content: bytes, owner: tuple[int, int]) -> Path:
    path.touch(mode=0o400)
    path.write_bytes(content)
    os.chown(path, *owner)
    return path


def _user(service: Service, image: RunnableImage) -> tuple[int, int]:
    if service.user is None:
        return image.uid, image.gid
    uid, _, gid = service.user.partition(":")
    return int(uid), int(gid or uid)


def _owner_in(image: RunnableImage, path: str) -> tuple[int, int]:
    """Return who owns a folder of an image; root when it has none, as container engines do it."""
    for layer in reversed(image.layers):
        place = layer / path.lstrip("/")
        if place.is_dir():
            found = place.stat()
            return found.st_uid, found.st_gid
    return 0, 0
