"""Names in registries: where images are put, and the tags that they get."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scs_build.errors import AddressError
from scs_build.recipes.models import REGISTRY
from scs_build.recipes.scalars import shorten

# What the distribution specification allows; `docker://` of skopeo and every registry agree on it.
_HOST = re.compile(REGISTRY.removeprefix("^").removesuffix("$"))
_PART = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
LONGEST = 255
EXAMPLE = "write it like registry.example.org/scs or localhost:5000/scs"


@dataclass(frozen=True)
class Place:
    """A registry (`host` or `host:port`) and the folder in it under which images are found, maybe none."""

    host: str
    namespace: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.host, self.namespace)))

    def repository(self, image: str) -> str:
        """Return the repository of an image; raises `AddressError` when a registry cannot have it."""
        name = f"{self}/{image}"
        if not _PART.fullmatch(image) or len(name) > LONGEST:
            raise AddressError(
                f"`{shorten(name)}` cannot be the name of a repository",
                solution="choose a shorter namespace" if len(name) > LONGEST else "rename the image",
            )
        return name


def read_place(text: str) -> Place:
    """Read `HOST[:PORT][/NAMESPACE]`; raises `AddressError` for what is anything else or more."""
    if "://" in text:
        raise _wrong(text.rpartition("@")[2], "is an address on the web, not a registry", EXAMPLE)
    if "@" in text:
        raise _with_at(text)
    host, slash, namespace = text.partition("/")
    if not _HOST.fullmatch(host):
        raise _wrong(text, "does not begin with the host of a registry", EXAMPLE)
    if host != "localhost" and not set(host) & set(".:"):
        raise _wrong(text, f"does not say which registry: {host} could be a folder", EXAMPLE)
    port = host.rpartition("]")[2].partition(":")[2]
    if port and not 0 < int(port) < 65536:
        raise _wrong(text, f"has a port that does not exist: {port}", "ports go from 1 to 65535")
    if slash and not all(_PART.fullmatch(part) for part in namespace.split("/")):
        raise _wrong(text, "has no valid namespace", _mend(namespace))
    if len(text) > LONGEST:
        raise _wrong(text, "is too long", f"at most {LONGEST} characters, the name of the image included")
    return Place(host, namespace)


def read_tag(text: str) -> str:
    """Return a tag that registries accept; raises `AddressError`."""
    if not _TAG.fullmatch(text):
        raise AddressError(
            f"`{shorten(text)}` is not a tag",
            solution="a tag has 1 to 128 letters, digits and _ . -, the first no . and no -",
        )
    return text


def _with_at(text: str) -> AddressError:
    name, _, rest = text.partition("@")
    if rest.startswith("sha256:"):
        return _wrong(name, "is followed by a digest", "name the place only: the digests are the manifest's")
    # What stands before the @ may be a password: it is not shown.
    return AddressError(
        "the name of a registry holds a user or a password",
        solution="leave it out, and log in: `skopeo login HOST` or `docker login HOST`",
    )


def _mend(namespace: str) -> str:
    if namespace.lower() != namespace:
        return "write it in lower-case letters"
    if ":" in namespace:
        return "leave out the tag, or give it with --tag"
    return "between slashes: lower-case letters and digits, joined by single . _ or by -"


def _wrong(text: str, what: str, solution: str) -> AddressError:
    return AddressError(f"`{shorten(text)}` {what}", solution=solution)
