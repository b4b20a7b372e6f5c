"""The subset of the Compose format that describes a stack; the ordinary Compose tool reads the same file.

Everything that is not here is an error, so that a file never means less to us than it says; what is left
out means what it means there. What a container could get wrong is not left open: root is read-only, all
capabilities are dropped.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from scs_build.recipes.models import NAME, AbsolutePath, Model, Name, Variable

VARIABLE_USE = re.compile(r"\$(?:(\$)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
_DURATION = re.compile(r"(?:(\d{1,4})m)?(?:(\d{1,6})s)?(?:(\d{1,6})ms)?")
_IMAGE = re.compile(rf"({NAME.strip('^$')}):\$\{{SERIES\}}")
_USER = r"^[1-9][0-9]{0,8}(:[1-9][0-9]{0,8})?$"
_SECRET = r"^\./secrets/[a-z0-9.+-]+$"
_PORT = r"^127\.0\.0\.1:[1-9][0-9]{0,4}:[1-9][0-9]{0,4}$"


def interpolate(text: str, variables: dict[str, str]) -> str:
    """Return `text` with `${NAME}` replaced and `$$` as `$`; raises KeyError for an unknown name."""
    return VARIABLE_USE.sub(lambda match: match[1] or variables[match[2]], text)


def used_variables(text: str) -> list[str]:
    """Return the names that a text uses as `${NAME}`."""
    return [name for _, name in VARIABLE_USE.findall(text) if name]


def seconds_of(duration: str) -> float:
    """Return a duration such as `1m30s`, `5s` or `250ms` in seconds; raises ValueError."""
    found = _DURATION.fullmatch(duration)
    if not found or not any(found.groups()):
        raise ValueError(f"`{duration}` is not a duration such as 1m30s, 5s or 250ms")
    minutes, seconds, thousandths = (int(part or 0) for part in found.groups())
    return minutes * 60 + seconds + thousandths / 1000


def variable_of(secret: str) -> str:
    """Return the variable that stands for a secret in a file: that of `admin-password` is ADMIN_PASSWORD."""
    return re.sub(r"[^a-z0-9]", "_", secret).upper()


def _duration(text: str) -> str:
    seconds_of(text)
    return text


def _span(text: str) -> str:
    if not seconds_of(text):
        raise ValueError("a duration must be longer than nothing")
    return text


def _text(text: str) -> str:
    if "$" in VARIABLE_USE.sub("", text):
        raise ValueError("a `$` must be written as `$$`, or begin a variable: `${NAME}`")
    return text


def _image(text: str) -> str:
    if not _IMAGE.fullmatch(text):
        raise ValueError(f"`{text}` does not name an image of the series: write <name>:${{SERIES}}")
    return text.partition(":")[0]


def _tmpfs(text: str) -> str:
    path, _, option = text.partition(":")
    # Without a mode, Docker takes that of the image's folder there, and its owner is root all the same.
    if not re.fullmatch(r"(/[^/:,]+)+", path) or not re.fullmatch(r"mode=[01]?[0-7]{3}", option):
        raise ValueError(f"`{text}` is not a path with a mode such as /run/x:mode=1777")
    return text


def _volume(text: str) -> str:
    source, _, rest = text.partition(":")
    path, _, option = rest.partition(":")
    named = re.fullmatch(NAME, source)
    below = re.fullmatch(r"\./(?!.*\.\.)[^:]+", source)
    if not (named or below) or not re.fullmatch(r"(/[^/:]+)+", path) or option not in ("", "ro"):
        raise ValueError(f"`{text}` is not <volume>:<path>[:ro] or ./<file>:<path>:ro")
    if below and option != "ro":
        raise ValueError(f"`{text}`: what lies beside the file is mounted read-only: add `:ro`")
    return text


Text = Annotated[str, AfterValidator(_text)]
Duration = Annotated[str, AfterValidator(_duration)]
Span = Annotated[str, AfterValidator(_span)]
Command = Annotated[tuple[Text, ...], Field(min_length=1)]


class Dependency(Model):
    """What a service waits for."""

    condition: Literal["service_started", "service_healthy", "service_completed_successfully"]


class Healthcheck(Model):
    """How a service is asked, inside its container, whether it works.

    In its `start_period`, until it first does, it is asked every `start_interval`, and failures do not count.
    """

    test: Annotated[tuple[Text, ...], Field(min_length=2)]
    interval: Span = "30s"
    timeout: Span = "30s"
    retries: int = Field(3, ge=1, le=1000)
    start_period: Duration = "0s"
    start_interval: Span = "5s"

    @model_validator(mode="after")
    def _form(self) -> Healthcheck:
        if self.test[0] != "CMD":
            raise ValueError("test: must begin with CMD (images have no shell)")
        return self


class Service(Model):
    """One service, or one step that ends."""

    image: Annotated[str, AfterValidator(_image)]
    command: Command | None = None
    environment: dict[Variable, Text] = Field(default_factory=dict)
    tmpfs: tuple[Annotated[str, AfterValidator(_tmpfs)], ...] = ()
    volumes: tuple[Annotated[str, AfterValidator(_volume)], ...] = ()
    secrets: tuple[Name, ...] = ()
    user: Annotated[str, StringConstraints(pattern=_USER)] | None = None
    depends_on: dict[Name, Dependency] = Field(default_factory=dict)
    healthcheck: Healthcheck | None = None
    stop_signal: Literal["SIGTERM", "SIGINT", "SIGQUIT"] = "SIGTERM"
    stop_grace_period: Duration = "10s"
    ports: tuple[Annotated[str, StringConstraints(pattern=_PORT)], ...] = Field(
        (), description="for the ordinary tool; here all services share one loopback that nobody else sees"
    )
    read_only: Literal[True]
    cap_drop: tuple[Literal["ALL"]]
    security_opt: tuple[Literal["no-new-privileges:true"]]


class Volume(Model):
    """A named volume: empty at the start of a run, gone at its end."""


class Secret(Model):
    """A secret: generated for each run here, read from that file by the ordinary tool.

    (It can read environment variables too, but not where a root file system is read-only.)
    """

    file: Annotated[str, StringConstraints(pattern=_SECRET)]


class Compose(Model):
    """A stack."""

    name: Name
    services: Annotated[dict[Name, Service], Field(min_length=1)]
    volumes: dict[Name, Volume] = Field(default_factory=dict)
    secrets: dict[Name, Secret] = Field(default_factory=dict)


class Mount(Model):
    """One entry of `volumes`, taken apart; `source` is a named volume or a path below the file."""

    source: str
    path: AbsolutePath
    read_only: bool

    @property
    def named(self) -> bool:
        """Whether the source is a named volume."""
        return not self.source.startswith("./")


def mounts_of(service: Service) -> tuple[Mount, ...]:
    """Return the volumes of a service, taken apart."""
    parts = (text.split(":") for text in service.volumes)
    return tuple(Mount(source=p[0], path=p[1], read_only=len(p) == 3) for p in parts)


def tmpfs_of(service: Service) -> dict[str, int]:
    """Return the paths of a service that are empty at its start, each with its mode."""
    parts = (text.partition(":mode=") for text in service.tmpfs)
    return {path: int(mode, 8) for path, _, mode in parts}
