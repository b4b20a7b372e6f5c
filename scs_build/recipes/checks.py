"""What recipes must be to each other: known parents and builders, no cycles, users and files that exist."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from scs_build.errors import Location, RecipeError
from scs_build.recipes.component import Component
from scs_build.recipes.document import Pointer
from scs_build.recipes.explain import allowed_hint, near_miss
from scs_build.recipes.models import NAME, PATTERN_MEANING, User
from scs_build.recipes.rules import FIELDS

Components = Mapping[str, Component]

# Of which kinds a recipe's parent and builder may be.
PARENT_KINDS = {"container": ("container",), "builder": ("container", "builder"), "scaffold": (), "tools": ()}
BUILDER_KINDS = ("builder",)


def check_components(components: Components) -> None:
    """Raise `RecipeError` at the first value that does not fit the other recipes or the files beside it."""
    for component in components.values():
        _check_name(component)
        _check_relation(components, component, "parent", PARENT_KINDS[component.recipe.kind])
        _check_relation(components, component, "builder", BUILDER_KINDS)
    build_order(components, components)
    for component in components.values():
        _check_users(component, _ancestors(components, component))
        _check_merged(component)
        _check_contents(component)
        _check_rules(component)
        _check_smoke(component)


def build_order(components: Components, wanted: Iterable[str]) -> tuple[str, ...]:
    """Return `wanted` and all that it needs, parents and builders first, otherwise by name.

    Raises `RecipeError` at the value that closes a cycle.
    """
    done: dict[str, None] = {}
    for name in sorted(wanted):
        _visit(components, name, (), done)
    return tuple(done)


def _visit(components: Components, name: str, above: tuple[str, ...], done: dict[str, None]) -> None:
    if name in done:
        return
    component = components[name]
    for relation in ("parent", "builder"):
        needed = getattr(component.recipe, relation)
        if needed is None:
            continue
        way = (*above, name)
        if needed in way:
            circle = " -> ".join((*way[way.index(needed) :], needed))
            raise component.error(f"{relation}: `{needed}` closes a cycle: {circle}", relation)
        _visit(components, needed, way, done)
    done[name] = None


def _check_name(component: Component) -> None:
    for name in (component.area, component.name):
        if not re.fullmatch(NAME, name):
            reason = f"the folder `{name}` is not {PATTERN_MEANING[NAME]}"
            raise RecipeError(reason, where=Location(component.shown), solution="rename the folder")


def _check_relation(
    components: Components, component: Component, relation: str, kinds: tuple[str, ...]
) -> None:
    needed = getattr(component.recipe, relation)
    if needed is None:
        return
    if not kinds:
        reason = f"{relation}: a recipe of kind {component.recipe.kind} has none"
        raise component.error(reason, relation, key=True, solution="remove the line")
    if needed not in components:
        allowed = sorted(name for name, other in components.items() if other.recipe.kind in kinds)
        reason = f"{relation}: there is no component `{needed}`"
        raise component.error(reason, relation, solution=allowed_hint(needed, allowed))
    kind = components[needed].recipe.kind
    if kind not in kinds:
        reason = f"{relation}: `{needed}` is of kind {kind}, and must be of kind {' or '.join(kinds)}"
        raise component.error(reason, relation)


def _ancestors(components: Components, component: Component) -> list[Component]:
    """Return the ancestors of a component, the nearest first."""
    line = []
    while component.recipe.parent:
        component = components[component.recipe.parent]
        line.append(component)
    return line


def _check_users(component: Component, ancestors: list[Component]) -> None:
    users: dict[str, User] = {}
    for other in reversed(ancestors):
        users |= other.recipe.users
    for name, user in component.recipe.users.items():
        _check_numbers(component, name, user, users)
        users[name] = user
    chosen = component.recipe.user
    if chosen is not None and chosen not in users:
        raise _unknown_user(component, chosen, users, "user")
    for path, owner in component.recipe.directories.items():
        if owner not in users and owner != "root":
            raise _unknown_user(component, owner, users, "directories", path)


def _check_numbers(component: Component, name: str, user: User, users: Mapping[str, User]) -> None:
    """A name keeps its numbers along the lineage and shares them with no other: volumes outlive images."""
    pointer = ("users", name)
    if name in users and users[name] != user:
        reason = f"users.{name}: a parent defines it with other values"
        raise component.error(reason, *pointer, key=True, solution="remove it here")
    for other, numbers in users.items():
        if other != name and numbers.uid == user.uid:
            raise component.error(f"users.{name}: the uid {user.uid} is that of `{other}`", *pointer, "uid")


def _unknown_user(component: Component, name: str, users: Mapping[str, User], *pointer: str) -> RecipeError:
    near = near_miss(name, list(users))
    meant = f"did you mean `{near}`? " if near else ""
    return component.error(
        f"{pointer[0]}: neither the recipe nor a parent defines the user `{name}`",
        *pointer,
        solution=f"{meant}define it: users: {{{name}: {{uid: ...}}}}",
    )


# Links of Debian's into /usr: what is put below them takes the place of the link.
MERGED = ("/bin/", "/lib/", "/lib32/", "/lib64/", "/libx32/", "/sbin/")


def _check_merged(component: Component) -> None:
    recipe = component.recipe
    places: list[tuple[str, Pointer]] = [
        *((file.path, ("files", index, "path")) for index, file in enumerate(recipe.files)),
        *((item.path, ("inputs", index, "path")) for index, item in enumerate(recipe.inputs)),
        *((path, ("directories", path)) for path in recipe.directories),
        *((path, ("links", path)) for path in recipe.links),
    ]
    for path, pointer in places:
        if f"{path}/".startswith(MERGED):
            reason = f"{pointer[0]}: `{path}` would replace a link of Debian's by a directory"
            raise component.error(reason, *pointer, key=pointer[0] in ("directories", "links"),
                solution=f"write /usr{path}")  # fmt: skip


def _check_contents(component: Component) -> None:
    seen: set[str] = {*component.recipe.directories}
    for path in component.recipe.links:
        if path in seen:
            raise component.error(f"links: `{path}` is there twice", "links", path, key=True)
        seen.add(path)
    _check_inputs(component, seen)
    for index, file in enumerate(component.recipe.files):
        component.file(file.source)
        if file.path in seen:
            raise component.error(f"files[{index}]: `{file.path}` is there twice", "files", index, "path")
        seen.add(file.path)
    if component.recipe.groups and component.recipe.kind != "tools":
        raise component.error("groups: only recipes of kind tools have groups", "groups", key=True)


def _check_rules(component: Component) -> None:
    """Rules on paths are for what is shipped, and each path has one."""
    kind, seen = component.recipe.kind, set[str]()
    for field in FIELDS:
        for index, rule in enumerate(getattr(component.recipe, field)):
            if kind != "container":
                reason = f"{field}: a recipe of kind {kind} ships no paths"
                raise component.error(reason, field, key=True, solution="remove the lines")
            if rule.path in seen:
                reason = f"{field}[{index}]: there is a rule on `{rule.path}` already"
                raise component.error(reason, field, index, "path")
            seen.add(rule.path)
    for index, rule in enumerate(component.recipe.generated):
        if rule.layer != "packages":
            reason = f"generated[{index}]: nothing of a recipe goes into the layer `{rule.layer}`"
            raise component.error(reason, "generated", index, "layer", solution="remove `layer`")


def _check_smoke(component: Component) -> None:
    services = component.recipe.services
    for index, name in enumerate(component.recipe.smoke.services if component.recipe.smoke else ()):
        if name not in services:
            reason = f"smoke.services: there is no service `{name}`"
            raise component.error(
                reason, "smoke", "services", index, solution=allowed_hint(name, sorted(services))
            )
        if services[name].health is None:
            reason = f"smoke.services: nothing says how to ask `{name}` whether it works"
            raise component.error(reason, "smoke", "services", index, solution="add `health` to the service")


def _check_inputs(component: Component, seen: set[str]) -> None:
    names: set[str] = set()
    for index, item in enumerate(component.recipe.inputs):
        if item.name in names:
            raise component.error(f"inputs[{index}]: `{item.name}` is there twice", "inputs", index, "name")
        if not item.unpack and item.path in seen:
            raise component.error(f"inputs[{index}]: `{item.path}` is there twice", "inputs", index, "path")
        names.add(item.name)
        if not item.unpack:  # several trees may lie in one folder
            seen.add(item.path)
