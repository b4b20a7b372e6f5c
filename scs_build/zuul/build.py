"""What a job of Zuul builds and returns: an artifact per image and series, a manifest per series."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from scs_build.build.build import BuildResult, BuiltImage
from scs_build.errors import UnknownNameError
from scs_build.manifest.manifest import Manifest, make_manifest, write_manifest
from scs_build.plan.graph import Graph
from scs_build.recipes.catalogue import Catalogue

# Below the logs of a build, and so in the URL of every artifact.
FOLDER = PurePosixPath("scs-images")


@dataclass(frozen=True)
class SeriesBuild:
    """The outcome of one series; `manifest` covers what was made."""

    result: BuildResult
    manifest: Manifest

    @property
    def url(self) -> str:
        """Where the manifest lies, relative to the logs of the build."""
        return str(FOLDER / f"{self.result.series}.json")


def series_of(
    catalogue: Catalogue, names: Collection[str], series: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Return what to build in each series: of these images those that it has; no names mean all.

    Raises `UnknownNameError` for a name that does not exist, and when there is nothing to build.
    """
    for name in names:
        catalogue.component(name)
    wanted = {}
    for name in series or catalogue.series_names:
        every = catalogue.images(catalogue.series(name))
        wanted[name] = tuple(image for image in every if image in names or not names)
    found = {name: images for name, images in wanted.items() if images}
    if not found:
        raise UnknownNameError(
            f"no series has an image of these: {', '.join(names)}", solution="`scs-build plan` lists images"
        )
    return found


def finish(graph: Graph, result: BuildResult, logs: Path) -> SeriesBuild:
    """Write the manifest of what was made below the logs."""
    made = SeriesBuild(result, make_manifest(graph, result.images))
    write_manifest(made.manifest, logs / made.url)
    return made


def answer(builds: Sequence[SeriesBuild]) -> dict[str, Any]:
    """Return what `zuul build --json` prints; `zuul_return` is for Zuul's module of that name."""
    artifacts = [artifact for build in builds for artifact in _artifacts(build)]
    return {
        "changed": any(image.action == "build" for build in builds for image in build.result.images),
        "series": [build.result.to_json() for build in builds],
        "zuul_return": {"zuul": {"artifacts": artifacts}},
    }


def _artifacts(build: SeriesBuild) -> list[dict[str, Any]]:
    content, digest = build.manifest.content, build.manifest.digest
    names = [image.name for image in content.images]
    where = {"series": content.series, "platform": content.platform}
    manifest = {"type": "scs_manifest", **where, "digest": digest, "images": names}
    return [
        {"name": f"images of {content.series}", "url": build.url, "metadata": manifest},
        *(_image(image, build.url, where) for image in build.result.images),
    ]


def _image(image: BuiltImage, url: str, where: dict[str, str]) -> dict[str, Any]:
    own = {"image": image.name, "digest": image.digest, "key": image.key}
    return {
        "name": f"{image.name}:{where['series']}",
        "url": url,
        "metadata": {"type": "scs_image", **where, **own},
    }
