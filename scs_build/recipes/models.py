"""The typed form of what people write: recipes, series and the table of paths."""

# No postponed annotations here: pydantic would compile each of them from its text at every start.

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from scs_build.recipes.patterns import pattern_regex
from scs_build.recipes.requirement import checked_requirement, checked_specifier

FORMAT = 1

# One name of a path: no slash, no control character, neither `.` nor `..`.
_ANY = r"[^/\x00-\x1f\x7f]"
_NO_DOT = r"[^/.\x00-\x1f\x7f]"
_PART = rf"({_NO_DOT}{_ANY}*|\.{_NO_DOT}{_ANY}*|\.\.{_ANY}+)"
NAME = r"^[a-z0-9][a-z0-9.+-]{0,62}$"
ABSOLUTE_PATH = rf"^(/{_PART})+$"
RELATIVE_PATH = rf"^{_PART}(/{_PART})*$"
MODE = r"^0[0-7]{3}$"
CAPABILITY = r"^CAP_[A-Z_]+$"
PACKAGE = r"^[a-z0-9?~]\S*$"
REQUIREMENT = r"^[A-Za-z0-9][^\r\n]*$"
DISTRIBUTION = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
LINE = r"^[^\r\n]+$"
# Not \d: the digits of other scripts are digits too.
SERIES = r"^[0-9]{4}\.[0-9]$"
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
PYTHON = r"^3\.[0-9]{1,2}$"
GLIBC = r"^2_[0-9]{1,2}$"
# A domain, an address of four numbers or an IPv6 address in brackets; then, where not the usual one, a port.
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
REGISTRY = rf"^({_LABEL}(\.{_LABEL})*|\[[0-9A-Fa-f:]+\])(:[0-9]{{1,5}})?$"
SHA256 = r"^[0-9a-f]{64}$"
LICENCE_REFERENCE = r"^LicenseRef-[A-Za-z0-9.-]+$"
# Where an input comes from; a user may be part of it (git over ssh), a password never.
URL = r"^(https?|file|git|ssh)://([^\s/@:]+@)?[^\s@]+$"

# What the loader says about a value that does not match.
PATTERN_MEANING = {
    NAME: "a name: lower-case letters, digits and . + - (at most 63, the first a letter or digit)",
    ABSOLUTE_PATH: "an absolute path in its shortest form (/a/b; no `..`, no slash at the end)",
    RELATIVE_PATH: "a relative path in its shortest form (a/b; no `..`)",
    MODE: 'a file mode such as "0644"; set-user-id and the like are not allowed',
    CAPABILITY: "a Linux capability such as CAP_NET_ADMIN",
    PACKAGE: "the name of a Debian package or an apt pattern",
    REQUIREMENT: "a Python requirement such as keystone[ldap]",
    DISTRIBUTION: "the name of a Python distribution",
    VARIABLE: "the name of an environment variable",
    LINE: "one line of text",
    SERIES: 'a series such as "2026.1"',
    DATE: 'a date such as "2026-04-01"',
    PYTHON: 'a Python version such as "3.13"',
    SHA256: "a sha256: 64 hexadecimal digits",
    LICENCE_REFERENCE: "a name such as LicenseRef-public-domain",
    URL: "a URL that begins with https://, http://, file://, git:// or ssh://, without a password",
    GLIBC: 'a glibc version in the words of manylinux, such as "2_41"',
    REGISTRY: "the host of a registry, with the port where it has its own (registry.example.org:5000)",
}

_PATTERN_WORDS = "pattern; `*` within a name, `**` over folders, `{a,b}` one of several"


def _path_pattern(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(f"`{text}` is not a path pattern: it does not begin with `/`")
    pattern_regex(text)
    return text


def _real_date(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"there is no such day as `{text}`") from error
    return text


Name = Annotated[str, StringConstraints(pattern=NAME)]
Line = Annotated[str, StringConstraints(pattern=LINE)]
Reason = Annotated[str, StringConstraints(min_length=10, strip_whitespace=True)]
AbsolutePath = Annotated[str, StringConstraints(pattern=ABSOLUTE_PATH)]
RelativePath = Annotated[str, StringConstraints(pattern=RELATIVE_PATH)]
PathPattern = Annotated[str, StringConstraints(pattern=LINE), AfterValidator(_path_pattern)]
Mode = Annotated[str, StringConstraints(pattern=MODE)]
Capability = Annotated[str, StringConstraints(pattern=CAPABILITY)]
Package = Annotated[str, StringConstraints(pattern=PACKAGE)]
Requirement = Annotated[str, StringConstraints(pattern=REQUIREMENT), AfterValidator(checked_requirement)]
Specifier = Annotated[str, AfterValidator(checked_specifier)]
Distribution = Annotated[str, StringConstraints(pattern=DISTRIBUTION)]
Variable = Annotated[str, StringConstraints(pattern=VARIABLE)]
Url = Annotated[str, StringConstraints(pattern=URL)]
Port = Annotated[int, Field(ge=1, le=65535)]
Command = Annotated[tuple[str, ...], Field(min_length=1)]


class Model(BaseModel):
    """Base of all models: frozen, strict, no unknown field."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        populate_by_name=True,
        # Only the outermost models validate: building the others for themselves would double the import.
        defer_build=True,
    )


def said(model: Model, **choice: Any) -> Any:
    """Return what a model says beyond its defaults, as plain values: a new field of it changes no key."""
    return model.model_dump(exclude_defaults=True, **choice)


class Debian(Model):
    """Debian packages of an image; what they depend on comes with them."""

    packages: tuple[Package, ...] = Field((), description="packages that the image holds")
    build: tuple[Package, ...] = Field((), description="packages that only builds of this image need")
    without: dict[Package, Reason] = Field(
        default_factory=dict, description="dependencies that are left out on purpose, each with the reason"
    )


class Python(Model):
    """Python distributions of an image, resolved under the constraints of the series."""

    requirements: tuple[Requirement, ...] = Field(description="requirements (PEP 508) that the image holds")
    build: tuple[Requirement, ...] = Field((), description="build requirements of what is in `compile`")
    compile: tuple[Distribution, ...] = Field((), description="distributions that are compiled from sdists")


class File(Model):
    """A file of the recipe, copied or rendered with Jinja2 (`*.j2`), into the image."""

    source: RelativePath = Field(description="path in the recipe's `files/` folder")
    path: AbsolutePath = Field(description="where it lies in the image")
    mode: Mode = Field("0644", description="its mode, octal in quotes")


class User(Model):
    """A user (and its group of the same name) that exists before any package is unpacked."""

    uid: int = Field(ge=1, le=65533, description="its number")
    gid: int | None = Field(None, ge=1, le=65533, description="the uid when not given")
    home: AbsolutePath = Field("/nonexistent", description="its home directory, which is not created")


class Health(Model):
    """How to ask a service whether it works: one of a command, an HTTP path or a connection."""

    command: Command | None = Field(None, description="ends with 0 when the service is healthy")
    http: str | None = Field(
        None, pattern=r"^/\S*$", description="URL path that answers below 500 on the first port"
    )
    tcp: bool = Field(False, description="the first port accepts a connection")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum((self.command is not None, self.http is not None, self.tcp)) != 1:
            raise ValueError("give exactly one of `command`, `http` and `tcp: true`")
        return self


class Service(Model):
    """A long-running process that an image offers."""

    command: Command = Field(description="the program and its arguments")
    ports: tuple[Port, ...] = Field((), description="TCP ports that it listens on")
    health: Health | None = Field(None, description="how to ask whether it works")
    writable: tuple[AbsolutePath, ...] = Field((), description="paths that the process writes to")
    volumes: tuple[AbsolutePath, ...] = Field((), description="paths whose content outlives the container")
    capabilities: dict[Capability, Reason] = Field(
        default_factory=dict, description="Linux capabilities that it needs, each with the reason"
    )
    devices: dict[AbsolutePath, Reason] = Field(
        default_factory=dict, description="devices of the host that it needs, each with the reason"
    )

    @model_validator(mode="after")
    def _port_to_ask(self) -> Self:
        if self.health and self.health.command is None and not self.ports:
            raise ValueError("its health is asked on the first of `ports`, and there is none")
        return self


class Artifact(Model):
    """A file fetched by URL, or a git tree: root's, mode 0644, and 0755 where it may be executed."""

    type: Literal["url", "git"] = Field(description="how it is fetched")
    name: Name = Field(description="what locks and attributions call it")
    url: Url = Field(description="where it is; `{version}` is replaced")
    version: Line = Field(description="its version; of a git tree a tag, a branch or a commit")
    path: AbsolutePath = Field(description="where its content lies in the image")
    unpack: bool = Field(True, description="an archive is unpacked, not copied")
    strip: int = Field(0, ge=0, le=16, description="how many leading folders of its paths are left out")
    mode: Literal["0644", "0755"] = Field("0644", description="the mode of a file that is copied")

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        scheme = self.url.partition(":")[0]
        if self.type == "url" and scheme in ("git", "ssh"):
            raise ValueError(f"a file cannot be fetched from {scheme}://, only a git tree")
        if self.type == "git" and not self.unpack:
            raise ValueError("a git tree is always unpacked")
        if self.unpack and self.mode != "0644":
            raise ValueError("`mode` is for files that are copied; what is unpacked keeps who may execute it")
        if not self.unpack and self.strip:
            raise ValueError("`strip` is for what is unpacked")
        return self


# The pattern of an exception that names no paths.
EVERYWHERE = "/**"


def _spread(value: object) -> object:
    return {EVERYWHERE: value} if isinstance(value, str) else value


Exceptions = Annotated[
    dict[PathPattern, Reason],
    BeforeValidator(_spread),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}]}
    ),
]


class Smoke(Model):
    """The smallest proof that an image works: a command and what it must print."""

    command: Command = Field(description="the program and its arguments; it must end with 0")
    expect: str = Field("", description="text that the output must contain")
    services: tuple[Name, ...] = Field(
        (), description="services that must get healthy with nothing but the image; each has `health`"
    )


class Generated(Model):
    """Paths that no artefact holds, because a program makes them when packages are installed."""

    path: PathPattern = Field(description=_PATTERN_WORDS)
    by: Line = Field(description="the program that makes them")
    reason: Reason = Field(description="why an image needs them")
    layer: Literal["packages", "system"] = Field("packages", description="the layer that they go into")
    altered: bool = Field(False, description="a script may alter a file that an artefact brought")


class Dropped(Model):
    """Paths of artefacts that an image does not ship."""

    path: PathPattern = Field(description=_PATTERN_WORDS)
    reason: Reason = Field(description="why nobody needs them")


class Recipe(Model):
    """What is built for a component: `images/<area>/<component>/recipe.yaml`."""

    format: Literal[1] = Field(description="version of this file format")
    kind: Literal["container", "builder", "scaffold", "tools"] = Field(
        description="what it is built for: to be shipped, to compile, to install on, to do the work"
    )
    description: Line = Field(description="what it is, in one line")
    parent: Name | None = Field(None, description="the image that this one adds to")
    builder: Name | None = Field(None, description="the builder image that compiles for this image")
    debian: Debian = Field(Debian(), description="Debian packages")
    python: Python | None = Field(None, description="Python distributions, in a virtual environment")
    inputs: tuple[Artifact, ...] = Field((), description="other files and trees that are fetched")
    files: tuple[File, ...] = Field((), description="files of the recipe")
    directories: dict[AbsolutePath, str] = Field(
        default_factory=dict, description="empty directories and the user that owns each"
    )
    links: dict[AbsolutePath, Line] = Field(
        default_factory=dict, description="symbolic links and their targets"
    )
    generated: tuple[Generated, ...] = Field(
        (), description="paths that programs make, of this image and of those that stand on it"
    )
    dropped: tuple[Dropped, ...] = Field(
        (), description="paths that are left out, of this image and of those that stand on it"
    )
    users: dict[Name, User] = Field(default_factory=dict, description="users that the image needs")
    user: Name | None = Field(None, description="the user that the image runs as; inherited from the parent")
    environment: dict[Variable, str] = Field(
        default_factory=dict, description="environment variables; inherited from the parent"
    )
    services: dict[Name, Service] = Field(default_factory=dict, description="processes that the image offers")
    smoke: Smoke | None = Field(None, description="the smallest proof that the image works")
    exceptions: dict[Name, Exceptions] = Field(
        default_factory=dict,
        description="rules that this image breaks on purpose: a reason, or one for each pattern of paths;"
        " those with paths hold for the images that stand on this one, too",
    )
    groups: dict[Name, tuple[Package, ...]] = Field(
        default_factory=dict, description="of kind tools only: packages by group, fetched when first needed"
    )


class DebianChannel(Model):
    """Which Debian a series stands on."""

    release: Name = Field(description="code name of the release")
    suites: tuple[Name, ...] = Field(min_length=1, description="suites that packages come from")


class PythonChannel(Model):
    """Which Python a series stands on."""

    version: Annotated[str, StringConstraints(pattern=PYTHON)] = Field(description="minor version")
    manylinux: Annotated[str, StringConstraints(pattern=GLIBC)] = Field(description="glibc of the release")
    prefix: AbsolutePath = Field(description="where the virtual environment of an image lies")


class Series(Model):
    """A release line of the stack: `images/series/<name>/series.yaml`."""

    format: Literal[1] = Field(description="version of this file format")
    name: Annotated[str, StringConstraints(pattern=SERIES)] = Field(description="name of its folder")
    released: Annotated[str, StringConstraints(pattern=DATE), AfterValidator(_real_date)] = Field(
        description="the date that images carry as `created`"
    )
    debian: DebianChannel = Field(description="the Debian release")
    python: PythonChannel = Field(description="the Python version")
    constraints: RelativePath = Field(
        description="file with OpenStack's upper constraints, beside series.yaml"
    )
    components: dict[Distribution, Specifier] = Field(
        default_factory=dict, description="Python distribution -> version specifier of this series"
    )
    images: tuple[Name, ...] = Field((), description="images of the series; empty: every recipe")


class LockOverlay(Model):
    """What a layer of nothing but locks says: written by `scs-build lock --missing`, not by people."""

    series: Line = Field(description="the series whose locks it replaces")
    replaces: dict[Name, Annotated[str, StringConstraints(pattern=SHA256)]] = Field(
        description="image -> SHA-256 of the lock that its own was made from, and stands for"
    )


class LayerHead(Model):
    """What a layer of recipes over ours is: `layer.yaml` beside its `images/`."""

    format: Literal[1] = Field(description="version of this file format")
    name: Name = Field(description="its name, which images that it touches carry in a label")
    vendor: Line = Field(description="who answers for the images that it touches")
    lock_overlay: LockOverlay | None = Field(
        None, description="what locks of packages that vanished it replaces; written by `lock --missing`"
    )


class SeriesAddition(Model):
    """What a layer says of a series that is there: `images/series/<name>/series.yaml` in the layer."""

    format: Literal[1] = Field(description="version of this file format")
    constraints: RelativePath | None = Field(
        None, description="file with constraints, beside it; a line replaces the series' own of the same name"
    )
    components: dict[Distribution, Specifier] = Field(
        default_factory=dict,
        description="Python distribution -> version specifier; replaces the series' own of the same name",
    )
    images: tuple[Name, ...] = Field((), description="further images of a series that lists its images")


class Paths(Model):
    """The table of generated and dropped paths of every image: `images/paths.yaml`."""

    format: Literal[1] = Field(description="version of this file format")
    generated: tuple[Generated, ...] = Field(description="paths that programs make")
    dropped: tuple[Dropped, ...] = Field(description="paths that are left out")
