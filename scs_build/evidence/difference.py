"""What a difference between two images is, as `scs-build diff --json` prints it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

FORMAT = 1
Kind = Literal["added", "removed", "changed"]


class Part(BaseModel):
    """Base of the parts: frozen, no unknown field."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Side(Part):
    """One of the two images."""

    name: str
    """How the image was named on the command line."""
    digest: str
    """Digest of its manifest, `sha256:<hex>`."""
    packed_bytes: int
    """Bytes of its compressed layers: what a registry keeps and a pull moves at most."""
    content_bytes: int
    """Bytes of all files in its layers."""
    layers: int
    """Number of its layers."""
    paths: int
    """Number of paths that a container of it sees."""
    packages: int
    """Number of its Debian packages and Python distributions."""


class PackageChange(Part):
    """A Debian package (`deb`) or a Python distribution (`wheel`) that differs."""

    kind: Literal["deb", "wheel"]
    """How it is packaged."""
    name: str
    """Its name."""
    change: Kind
    """What became of it. A package whose files differ and whose version does not is `changed`, too."""
    before: str | None
    """Its version in the first image."""
    after: str | None
    """Its version in the second image."""
    licence_before: str | None
    """Its licence in SPDX in the first image; empty where nothing tells it."""
    licence_after: str | None
    """Its licence in SPDX in the second image; empty where nothing tells it."""
    files: dict[Kind, int]
    """How many of its files were added, removed and changed."""


class FileFacts(Part):
    """What a path is in one of the images."""

    type: str
    """`file`, `dir`, `link`, `hardlink`, `char`, `block` or `fifo`."""
    mode: str
    """Permissions in octal digits: `0644`."""
    owner: str
    """Numbers of user and group: `0:0`."""
    size: int
    """Bytes of a file."""
    sha256: str
    """Hash of the content of a file; empty for everything else."""
    link: str
    """Target of a link."""
    capability: str
    """`security.capability` in hexadecimal digits."""


class FileChange(Part):
    """A path that differs."""

    path: str
    """The absolute path."""
    change: Kind
    """What became of it."""
    by: str
    """Who brought it: `deb:NAME`, `wheel:NAME`, `recipe:IMAGE`, the program that generated it, or empty."""
    what: tuple[str, ...]
    """In what it differs: type, content, target, mode, owner, capabilities."""
    before: FileFacts | None
    """What it is in the first image."""
    after: FileFacts | None
    """What it is in the second image."""


class SettingChange(Part):
    """A value of the image configuration that differs."""

    field: str
    """The field of the OCI configuration: `User`, `Env`, `Entrypoint`, `Labels`, `ExposedPorts` ..."""
    key: str
    """The variable, label, port or volume; empty where the field is one value."""
    change: Kind
    """What became of it."""
    before: str | None
    """Its value in the first image."""
    after: str | None
    """Its value in the second image."""


class LayerChange(Part):
    """A layer that differs; layers are paired by what the history of the images says of them."""

    title: str
    """What the layer holds, from the history of the image."""
    change: Kind
    """What became of it."""
    before: str | None
    """Digest of the blob in the first image."""
    after: str | None
    """Digest of the blob in the second image."""
    packed_before: int | None
    """Bytes of the blob in the first image."""
    packed_after: int | None
    """Bytes of the blob in the second image."""


class LicenceChange(Part):
    """A licence that one image has and the other has not."""

    licence: str
    """Its SPDX identifier."""
    change: Literal["added", "removed"]
    """Whether the second image has it, or the first one."""
    packages: tuple[str, ...]
    """Who has it there."""


class Difference(Part):
    """How two images differ; `equal` is about their digests, so about everything."""

    format: Literal[1]
    """Version of this document."""
    equal: bool
    """Whether both are the same image, bit by bit."""
    a: Side
    """The first image."""
    b: Side
    """The second image."""
    packages: tuple[PackageChange, ...]
    """Packages that differ, by kind and name."""
    licences: tuple[LicenceChange, ...]
    """Licences that came or went."""
    configuration: tuple[SettingChange, ...]
    """Settings that differ."""
    files: tuple[FileChange, ...]
    """Paths that differ, by path."""
    layers: tuple[LayerChange, ...]
    """Layers that differ, lowest first."""
