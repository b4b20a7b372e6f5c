"""Images: configuration and manifest of OCI image-spec 1.1, composed from layers, in canonical JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scs_build.canonical import canonical_json
from scs_build.oci.entry import Layer
from scs_build.store.store import Store

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
SECOND = 1_000_000_000


@dataclass(frozen=True)
class HealthCheck:
    """How an engine asks a container whether it works; times in seconds. Docker's extension of the config."""

    command: tuple[str, ...]
    interval: int = 10
    timeout: int = 5
    retries: int = 3
    start_period: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the object that the image configuration holds; times in nanoseconds."""
        return {
            "Test": ["CMD", *self.command],
            "Interval": self.interval * SECOND,
            "Timeout": self.timeout * SECOND,
            "Retries": self.retries,
            "StartPeriod": self.start_period * SECOND,
        }


@dataclass(frozen=True)
class ImageConfig:
    """What an image says about itself. `created` is `YYYY-MM-DDT00:00:00Z`, `user` is `uid:gid`.

    `env` holds `NAME=value` in the order given, `exposed_ports` are TCP ports.
    """

    created: str
    platform: str = "linux/amd64"
    user: str = ""
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    working_dir: str = "/"
    exposed_ports: tuple[int, ...] = ()
    volumes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = ""
    health: HealthCheck | None = None


@dataclass(frozen=True)
class Image:
    """An image in the store: `digest` (`sha256:<hex>`) and `size` of its manifest, and what that names."""

    digest: str
    size: int
    config_digest: str
    layers: tuple[Layer, ...]


def write_image(
    store: Store, config: ImageConfig, layers: Sequence[Layer], descriptions: Sequence[str] = ()
) -> Image:
    """Write configuration and manifest of an image into the store.

    `layers` are lowest first. `descriptions` say what each layer holds, one per layer; without any, the
    history says only that scs-build made them. Raises ValueError when their numbers differ.
    """
    described = tuple(descriptions) or ("scs-build",) * len(layers)
    configured = canonical_json(config_document(config, layers, described))
    config_digest = f"sha256:{store.add_bytes(configured)}"
    manifest = canonical_json({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": CONFIG_TYPE, "digest": config_digest, "size": len(configured)},
        "layers": [{"mediaType": LAYER_TYPE, "digest": layer.digest, "size": layer.size} for layer in layers],
    })  # fmt: skip
    return Image(f"sha256:{store.add_bytes(manifest)}", len(manifest), config_digest, tuple(layers))


def config_document(
    config: ImageConfig, layers: Sequence[Layer], descriptions: Sequence[str]
) -> dict[str, Any]:
    """Return the image configuration as the specification lays it out."""
    history = [
        {"created": config.created, "created_by": description}
        for _, description in zip(layers, descriptions, strict=True)
    ]
    return {
        **platform_fields(config.platform),
        "created": config.created,
        "config": _runtime(config),
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": history,
    }


def platform_fields(platform: str) -> dict[str, str]:
    """Return `linux/arm64/v8` as the fields `os`, `architecture` and, where there is one, `variant`."""
    return dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))


def _runtime(config: ImageConfig) -> dict[str, Any]:
    """Return the fields that say how a container runs; empty ones are left out."""
    fields: dict[str, Any] = {
        "User": config.user,
        "ExposedPorts": {f"{port}/tcp": {} for port in config.exposed_ports},
        "Env": list(config.env),
        "Entrypoint": list(config.entrypoint),
        "Cmd": list(config.cmd),
        "Volumes": {volume: {} for volume in config.volumes},
        "WorkingDir": config.working_dir,
        "Labels": dict(config.labels),
        "StopSignal": config.stop_signal,
        "Healthcheck": config.health.to_json() if config.health else None,
    }
    return {name: value for name, value in fields.items() if value}
