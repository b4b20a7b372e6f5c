"""The image: its layers in order and the configuration that containers start with."""

from __future__ import annotations

from collections.abc import Sequence

from scs_build.build.records import Record, layer_of, make_record
from scs_build.build.workshop import Workshop
from scs_build.oci.image import HealthCheck, ImageConfig, write_image
from scs_build.plan.step import Step
from scs_build.recipes.catalogue import Component
from scs_build.recipes.layer import Layer
from scs_build.recipes.models import Recipe, Service

VENDOR = "Sovereign Cloud Stack"
LAYERS = "community.scs.layers"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def run_image(shop: Workshop, step: Step) -> Record:
    """Write configuration and manifest of an image."""
    made = [(need, layer_of(shop.records[need.name])) for need in step.needs]
    layers = [layer for _, layer in made if layer is not None]
    history = [layer_title(need) for need, layer in made if layer is not None]
    image = write_image(shop.store, configuration(shop, shop.component(step)), layers, history)
    blobs = [
        d.removeprefix("sha256:") for d in (image.digest, image.config_digest, *(x.digest for x in layers))
    ]
    return make_record(
        image.digest,
        blobs=blobs,
        config=image.config_digest,
        layers=[
            {"digest": x.digest, "diff_id": x.diff_id, "bytes": x.size, "unpacked": x.files} for x in layers
        ],
    )


def layer_title(step: Step) -> str:
    """Return how the history of an image names the layer that a step wrote."""
    return f"scs-build {step.kind} of {step.subject}"


def configuration(shop: Workshop, component: Component) -> ImageConfig:
    """Return what the recipe says about running the image."""
    graph, recipe = shop.graph, component.recipe
    found = graph.catalogue.user_of(component.name)
    user = (
        f"{found[1].uid}:{found[1].uid if found[1].gid is None else found[1].gid}" if found else "65534:65534"
    )
    main = main_service(component)
    prefix = graph.series.python.prefix
    path = f"{prefix}/bin:{PATH}" if recipe.python else PATH
    environment = {"PATH": path, "LANG": "C.UTF-8", **graph.catalogue.environment_of(component.name)}
    return ImageConfig(
        created=f"{graph.series.released}T00:00:00Z",
        platform=graph.platform,
        user=user,
        env=tuple(f"{name}={value}" for name, value in sorted(environment.items())),
        cmd=main.command if main else (),
        exposed_ports=tuple(sorted({port for s in recipe.services.values() for port in s.ports})),
        volumes=tuple(sorted({volume for s in recipe.services.values() for volume in s.volumes})),
        labels=labels(graph.series.name, component.name, recipe, graph.origin(component.name)),
        stop_signal="SIGTERM",
        health=HealthCheck(main.health.command) if main and main.health and main.health.command else None,
    )


def main_service(component: Component) -> Service | None:
    """Return the service that the image starts: the one of its own name, or its only one."""
    services = component.recipe.services
    return services.get(component.name) or (next(iter(services.values())) if len(services) == 1 else None)


def labels(series: str, name: str, recipe: Recipe, origin: Sequence[Layer] = ()) -> dict[str, str]:
    """Return the labels of the OCI image specification that do not depend on when or where.

    For an image that layers touch, the owner of the highest answers, and a label names them all.
    """
    touched = {LAYERS: ",".join(layer.name for layer in origin)} if origin else {}
    prefix = "org.opencontainers.image"
    return {
        f"{prefix}.title": name,
        f"{prefix}.description": recipe.description,
        f"{prefix}.version": series,
        f"{prefix}.vendor": origin[-1].vendor if origin else VENDOR,
        **touched,
    }
