"""The files layer: what the recipe itself brings - files, templates, directories, links, fetched inputs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scs_build.build.patched import patched_tree
from scs_build.build.records import Record, layer_record
from scs_build.build.workshop import Workshop
from scs_build.errors import Location, RecipeError
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.kinds import TREES
from scs_build.inputs.place import placed
from scs_build.oci.entry import Entry
from scs_build.oci.layer import write_layer
from scs_build.plan.graph import Graph
from scs_build.plan.step import Step
from scs_build.recipes.catalogue import Component
from scs_build.recipes.models import User
from scs_build.recipes.patches.patch import Patch


def run_files(shop: Workshop, step: Step) -> Record:
    """Write the layer of the recipe's own files."""
    component = shop.component(step)
    entries = recipe_entries(shop.graph, component)
    with shop.store.scratch("inputs") as folder:
        for artefact in step.artefacts:
            patches = shop.graph.patches_for(component.name, artefact)
            entries += _input(shop, artefact, patches, folder)
        return layer_record(write_layer(shop.store, entries, shop.jobs))


def _input(shop: Workshop, artefact: Artefact, patches: tuple[Patch, ...], folder: Path) -> Iterator[Entry]:
    """Lay an input into the image; the content of its files is put into `folder`."""
    blob, unpacked = shop.store.blob(artefact.sha256), artefact.data.get("unpack")
    members = placed(artefact, TREES[artefact.kind].unpack(artefact, blob, folder))
    for path, member in patched_tree(artefact, members, patches, folder):
        if not (unpacked and shop.dropped.first(path) is not None):
            content = folder / member.sha256 if member.type == "file" else b""
            yield Entry(path, member.type, member.mode, content=content, link=member.link)


def recipe_entries(graph: Graph, component: Component) -> list[Entry]:
    """Return what a recipe itself brings into an image, templates rendered."""
    users = graph.users(component.name)
    return [*_files(graph, component), *_directories(component, users), *_links(component)]


def _files(graph: Graph, component: Component) -> Iterator[Entry]:
    for file in component.recipe.files:
        content = component.file(file.source).read_bytes()
        if file.source.endswith(".j2"):
            content = _rendered(graph, component, file.source, content)
        yield Entry(file.path.lstrip("/"), "file", int(file.mode, 8), content=content)


def _rendered(graph: Graph, component: Component, source: str, content: bytes) -> bytes:
    """Render a template; it sees the series' name, the prefix and the users, and nothing of the machine."""
    from jinja2 import StrictUndefined, TemplateError
    from jinja2.sandbox import SandboxedEnvironment

    series = graph.series
    environment = SandboxedEnvironment(
        undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    values = {
        "series": series.name,
        "prefix": series.python.prefix,
        "users": {name: user.uid for name, user in graph.users(component.name).items()},
    }
    try:
        return environment.from_string(content.decode()).render(values).encode()
    except (TemplateError, UnicodeDecodeError) as error:
        place = Location(str(component.file(source)), getattr(error, "lineno", None))
        raise RecipeError(f"the template cannot be rendered: {error}", where=place) from error


def _directories(component: Component, users: dict[str, User]) -> Iterator[Entry]:
    for path, owner in sorted(component.recipe.directories.items()):
        uid, gid = owner_ids(owner, users)
        yield Entry(path.strip("/"), "dir", 0o755 if uid == 0 else 0o750, uid, gid)


def owner_ids(owner: str, users: dict[str, User]) -> tuple[int, int]:
    """Return uid and gid of an owner; the loader has checked that it exists."""
    if owner == "root":
        return 0, 0
    user = users[owner]
    return user.uid, user.uid if user.gid is None else user.gid


def _links(component: Component) -> Iterator[Entry]:
    for path, target in sorted(component.recipe.links.items()):
        yield Entry(path.lstrip("/"), "link", 0o777, link=target)
