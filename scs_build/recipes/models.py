"""The typed form of what people write: recipes, series and the table of paths."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

FORMAT = 1

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.+-]{0,62}$")]
Reason = Annotated[str, StringConstraints(min_length=10, strip_whitespace=True)]
AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/[^\0]*$")]
Mode = Annotated[str, StringConstraints(pattern=r"^0[0-7]{3}$")]
Capability = Annotated[str, StringConstraints(pattern=r"^CAP_[A-Z_]+$")]


class Model(BaseModel):
    """Base of all models: frozen, strict, no unknown field."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class Debian(Model):
    """Debian packages of an image; what they depend on comes with them."""

    packages: tuple[str, ...] = Field((), description="packages that the image holds")
    build: tuple[str, ...] = Field((), description="packages that only builds of this image need")
    without: dict[str, Reason] = Field(
        default_factory=dict, description="dependencies that are left out on purpose, each with the reason"
    )


class Python(Model):
    """Python distributions of an image, resolved under the constraints of the series."""

    requirements: tuple[str, ...] = Field(description="requirements (PEP 508) that the image holds")
    build: tuple[str, ...] = Field((), description="build requirements of the distributions in `compile`")
    compile: tuple[str, ...] = Field((), description="distributions that are compiled from their sdist")


class File(Model):
    """A file of the recipe, copied or rendered with Jinja2 (`*.j2`), into the image."""

    source: str = Field(description="path in the recipe's `files/` folder")
    path: AbsolutePath = Field(description="where it lies in the image")
    mode: Mode = "0644"


class User(Model):
    """A user (and its group of the same name) that exists before any package is unpacked."""

    uid: int = Field(ge=1, le=65533)
    gid: int | None = Field(None, ge=1, le=65533, description="the uid when not given")
    home: AbsolutePath = "/nonexistent"


class Health(Model):
    """How to ask a service whether it works: one of a command or an HTTP path."""

    command: tuple[str, ...] | None = Field(None, description="ends with 0 when the service is healthy")
    http: str | None = Field(None, description="URL path that answers below 500 on the first port")


class Service(Model):
    """A long-running process that an image offers."""

    command: tuple[str, ...]
    ports: tuple[int, ...] = ()
    health: Health | None = None
    writable: tuple[AbsolutePath, ...] = Field((), description="paths that the process writes to")
    volumes: tuple[AbsolutePath, ...] = Field((), description="paths whose content outlives the container")
    capabilities: dict[Capability, Reason] = Field(default_factory=dict)
    devices: dict[AbsolutePath, Reason] = Field(default_factory=dict)


class Artifact(Model):
    """A file fetched by URL, or a git tree, that enters a build."""

    type: Literal["url", "git"]
    name: Name
    url: str = Field(description="where it is; `{version}` is replaced")
    version: str
    path: AbsolutePath = Field(description="where its content lies in the image")
    unpack: bool = True


class Smoke(Model):
    """The smallest proof that an image works: a command and what it must print."""

    command: tuple[str, ...]
    expect: str = Field("", description="text that the output must contain")


class Recipe(Model):
    """What is built for a component: `images/<area>/<component>/recipe.yaml`."""

    format: Literal[1]
    kind: Literal["container", "builder", "scaffold", "tools"]
    description: str
    parent: Name | None = None
    builder: Name | None = Field(None, description="the builder image that compiles for this image")
    debian: Debian = Debian()
    python: Python | None = None
    inputs: tuple[Artifact, ...] = ()
    files: tuple[File, ...] = ()
    directories: dict[AbsolutePath, str] = Field(
        default_factory=dict, description="empty directories and the user that owns each"
    )
    links: dict[AbsolutePath, str] = Field(
        default_factory=dict, description="symbolic links and their targets"
    )
    users: dict[Name, User] = Field(default_factory=dict)
    user: Name | None = Field(None, description="the user that the image runs as; inherited from the parent")
    environment: dict[str, str] = Field(default_factory=dict)
    services: dict[Name, Service] = Field(default_factory=dict)
    smoke: Smoke | None = None
    exceptions: dict[str, Reason] = Field(
        default_factory=dict, description="rules that this image breaks on purpose, each with the reason"
    )
    groups: dict[Name, tuple[str, ...]] = Field(
        default_factory=dict, description="of kind tools only: packages by group, fetched when first needed"
    )


class DebianChannel(Model):
    """Which Debian a series stands on."""

    release: Name
    suites: tuple[str, ...]


class PythonChannel(Model):
    """Which Python a series stands on."""

    version: Annotated[str, StringConstraints(pattern=r"^3\.\d+$")]
    manylinux: Annotated[str, StringConstraints(pattern=r"^2_\d+$")] = Field(
        description="glibc of the release"
    )
    prefix: AbsolutePath = Field(description="where the virtual environment of an image lies")


class Series(Model):
    """A release line of the stack: `images/series/<name>/series.yaml`."""

    format: Literal[1]
    name: Annotated[str, StringConstraints(pattern=r"^\d{4}\.\d$")]
    released: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")] = Field(
        description="the date that images carry as `created`"
    )
    debian: DebianChannel
    python: PythonChannel
    constraints: str = Field(description="file with OpenStack's upper constraints, beside series.yaml")
    components: dict[str, str] = Field(
        default_factory=dict, description="Python distribution -> version specifier of this series"
    )
    images: tuple[Name, ...] = Field((), description="images of the series; empty: every recipe")


class Generated(Model):
    """Paths that no artefact holds, because a program makes them when packages are installed."""

    path: str = Field(description="pattern; `*` within a name, `**` over folders")
    by: str = Field(description="the program that makes them")
    reason: Reason
    layer: Literal["packages", "system"] = Field("packages", description="the layer that they go into")
    altered: bool = Field(False, description="a script may alter a file that an artefact brought")


class Dropped(Model):
    """Paths of artefacts that no image ships."""

    path: str
    reason: Reason


class Paths(Model):
    """The table of generated and dropped paths: `images/paths.yaml`."""

    format: Literal[1]
    generated: tuple[Generated, ...]
    dropped: tuple[Dropped, ...]
