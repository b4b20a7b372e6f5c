"""How a registry is reached: whose certificates count, and whether it speaks TLS at all."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scs_build.errors import InputError
from scs_build.run import clean_environment

if TYPE_CHECKING:
    from scs_build.recipes.site import Site

# Where the tools that people log in with (skopeo, podman, docker) keep credentials, and the helpers that
# fetch them from a key ring. Credentials themselves are never an argument: everybody could read them.
CREDENTIALS = ("REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
               "DBUS_SESSION_BUS_ADDRESS")  # fmt: skip
BEGIN = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True)
class Access:
    """Whom to believe: a file with authorities, or a folder as in /etc/containers/certs.d/HOST, or nobody.

    Without either, the machine's authorities and certs.d folders count. `plain_http` asks for neither.
    """

    ca: Path | None = None
    certificates: Path | None = None
    plain_http: bool = False


def access_to(host: str, site: Site, said: Access) -> Access:
    """Return what was said for this call, else what the site says about the registry `host`."""
    if said != Access():
        return said
    known = site.registries.get(host)
    if known is None:
        return said
    return Access(_path(known.ca), _path(known.certificates), known.plain_http)


def certificate_folder(access: Access, room: Path) -> Path | None:
    """Return the folder that skopeo reads certificates from; one for a single file is made in `room`.

    Raises `InputError` when that file holds no certificate: skopeo would pass it over in silence.
    """
    if access.ca is None:
        return access.certificates
    try:
        if BEGIN not in access.ca.read_bytes():
            raise InputError(f"{access.ca} holds no certificate", solution="name a file in the PEM format")
    except OSError as error:
        raise InputError(f"{access.ca}: {error.strerror}", solution="check --ca, or the site file") from error
    folder = room / "certificates"
    folder.mkdir()
    shutil.copyfile(access.ca, folder / "ca.crt")
    return folder


def registry_environment() -> dict[str, str]:
    """Return the environment that skopeo gets: the clean one, and where the user's credentials are.

    Raises `InputError` when `REGISTRY_AUTH_FILE` names a file that is not there.
    """
    named = os.environ.get("REGISTRY_AUTH_FILE")
    if named and not Path(named).is_file():
        raise InputError(
            f"$REGISTRY_AUTH_FILE names {named}, and there is no such file",
            solution="log in (`skopeo login HOST`), or unset the variable",
        )
    return clean_environment({name: os.environ[name] for name in CREDENTIALS if name in os.environ})


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
