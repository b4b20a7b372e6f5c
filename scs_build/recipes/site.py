"""Site configuration: where packages come from, if not from where the tools look by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from scs_build.errors import SiteError
from scs_build.recipes.loader import load
from scs_build.recipes.models import REGISTRY, AbsolutePath, Model, Url
from scs_build.recipes.site_file import site_file

SCHEMES = ("http", "https", "file")


def _base_url(text: str) -> str:
    scheme, _, rest = text.partition("://")
    if scheme not in SCHEMES or not rest or " " in text or not text.isprintable():
        raise ValueError(f"`{text}` is not a URL that begins with https://, http:// or file://")
    if scheme != "file" and "@" in rest.partition("/")[0]:
        raise ValueError("a URL may not hold a user or password: put them into ~/.netrc")
    return text.rstrip("/")


BaseUrl = Annotated[str, AfterValidator(_base_url)]
RegistryHost = Annotated[str, StringConstraints(pattern=REGISTRY)]
Prefix = Annotated[Url, AfterValidator(lambda text: text.rstrip("/"))]


class Registry(Model):
    """How one registry is reached; credentials are where `skopeo login` and `docker login` put them."""

    ca: AbsolutePath | None = Field(None, description="file with the certificates of its authority (PEM)")
    certificates: AbsolutePath | None = Field(
        None, description="folder with authorities (*.crt) and our own certificate (*.cert, *.key)"
    )
    plain_http: bool = Field(False, description="it has no TLS: nothing is secret, nobody is who they say")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if bool(self.ca) + bool(self.certificates) + self.plain_http > 1:
            raise ValueError("only one of `ca`, `certificates` and `plain_http` can be")
        return self


class Site(Model):
    """Mirrors and indices, tried in order: all of one kind hold the same; registries. Empty: the defaults."""

    format: Literal[1] = Field(1, description="version of this file format")
    debian: tuple[BaseUrl, ...] = Field((), description="base URLs of Debian mirrors")
    debian_security: tuple[BaseUrl, ...] = Field((), description="base URLs of Debian's security archive")
    debian_snapshot: tuple[BaseUrl, ...] = Field((), description="base URLs of dated archives of Debian")
    python: tuple[BaseUrl, ...] = Field((), description="base URLs of Python indices (simple API)")
    registries: dict[RegistryHost, Registry] = Field(
        default_factory=dict, description="registries that are not reached in the usual way, by host[:port]"
    )
    rewrite: dict[Prefix, Annotated[tuple[BaseUrl, ...], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="for `inputs` of recipes: the beginning of a URL -> what stands there instead, in order",
    )

    recipes: tuple[AbsolutePath, ...] = Field(
        (), description="folders of recipes over ours, lowest first; `--recipes` replaces the list"
    )

    def places(self, url: str) -> tuple[str, ...]:
        """Return where the content of an upstream's URL is to be had, best first; the longest match wins."""
        prefixes = [prefix for prefix in self.rewrite if url == prefix or url.startswith(f"{prefix}/")]
        if not prefixes:
            return (url,)
        prefix = max(prefixes, key=len)
        return tuple(base + url.removeprefix(prefix) for base in self.rewrite[prefix])


def load_site(path: Path | None = None) -> Site:
    """Read the site file `path`, else the one that applies; without any, an empty `Site`.

    Raises `SiteError` when a named file is missing or not valid, `FormatError` when it is newer.
    """
    path = path or site_file()
    return Site() if path is None else load(path, Site, error=SiteError)
