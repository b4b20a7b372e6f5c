"""Reading a stack: the file, and whether what it names is there."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from scs_build.errors import InputError, UnknownNameError
from scs_build.recipes.document import Pointer
from scs_build.recipes.loader import locate, parse, read_bytes
from scs_build.stack.compose import Compose, Service, mounts_of, used_variables, variable_of

SERIES = "SERIES"


def find_stack(root: Path, name: str) -> Path:
    """Return the Compose file of a stack of the checkout; raises `UnknownNameError`."""
    path = root / "stacks" / name / "compose.yaml"
    if not path.is_file():
        there = sorted(found.parent.name for found in (root / "stacks").glob("*/compose.yaml"))
        raise UnknownNameError(
            f"there is no stack {name}", solution=f"stacks of this checkout: {', '.join(there) or 'none'}"
        )
    return path


def read_compose(path: Path, shown: str | None = None) -> Compose:
    """Read the description of a stack; raises `InputError` with the place of what is wrong."""
    shown = shown or str(path)
    return parse_compose(read_bytes(path, shown, InputError), shown)


def parse_compose(data: bytes, shown: str) -> Compose:
    """Read the bytes of a Compose file; see `read_compose`."""
    compose = parse(data, Compose, shown, error=InputError)
    for pointer, reason, solution in _problems(compose):
        raise InputError(reason, where=locate(data, shown, pointer, key=True), solution=solution)
    return compose


def start_order(compose: Compose) -> tuple[tuple[str, ...], ...]:
    """Return the services in groups: each depends only on services of groups before it.

    Raises graphlib's CycleError when they wait for each other.
    """
    sorter = TopologicalSorter(
        {name: service.depends_on.keys() for name, service in compose.services.items()}
    )
    sorter.prepare()
    groups = []
    while sorter.is_active():
        ready = tuple(sorted(sorter.get_ready()))
        groups.append(ready)
        sorter.done(*ready)
    return tuple(groups)


Found = tuple[Pointer, str, str | None]


def _problems(compose: Compose) -> Iterator[Found]:
    """Yield what no single field can tell: names that do not exist, paths used twice, circles."""
    for name, service in compose.services.items():
        here: Pointer = ("services", name)
        yield from _dependencies(compose, service, here)
        yield from _names(compose, service, here)
        yield from _variables(compose, service, here)
        yield from _paths(service, here)
    try:
        start_order(compose)
    except CycleError as error:
        circle = error.args[1]
        reason = f"services wait for each other: {' -> '.join(reversed(circle))}"
        yield ("services", circle[0], "depends_on"), reason, "remove one of these dependencies"


def _dependencies(compose: Compose, service: Service, here: Pointer) -> Iterator[Found]:
    for other, dependency in service.depends_on.items():
        place = (*here, "depends_on", other)
        if other not in compose.services:
            yield place, f"there is no service {other}", f"services: {', '.join(compose.services)}"
        elif dependency.condition == "service_healthy" and not compose.services[other].healthcheck:
            yield (
                place,
                f"{other} has no healthcheck, so it never gets healthy",
                "add one, or wait for service_started",
            )


def _names(compose: Compose, service: Service, here: Pointer) -> Iterator[Found]:
    for index, mount in enumerate(mounts_of(service)):
        if mount.named and mount.source not in compose.volumes:
            yield (
                (*here, "volumes", index),
                f"there is no volume {mount.source}",
                f"add {mount.source}: {{}} to volumes",
            )
    for index, secret in enumerate(service.secrets):
        if secret not in compose.secrets:
            yield (*here, "secrets", index), f"there is no secret {secret}", "name it under secrets"


def _variables(compose: Compose, service: Service, here: Pointer) -> Iterator[Found]:
    secret = set(map(variable_of, compose.secrets))
    texts: list[tuple[Pointer, str, bool]] = [
        *(((*here, "command", i), text, True) for i, text in enumerate(service.command or ())),
        *(((*here, "environment", name), text, False) for name, text in service.environment.items()),
    ]
    if service.healthcheck:
        place = (*here, "healthcheck", "test")
        texts += [((*place, i), text, True) for i, text in enumerate(service.healthcheck.test)]
    for pointer, text, on_command_line in texts:
        for name in used_variables(text):
            if name not in secret and name != SERIES:
                yield (
                    pointer,
                    f"there is no variable {name}",
                    f"variables: {', '.join((SERIES, *sorted(secret)))}",
                )
            elif on_command_line and name in secret:
                yield pointer, f"the secret {name} would be on a command line", "use the file of the secret"


def _paths(service: Service, here: Pointer) -> Iterator[Found]:
    places: list[tuple[Pointer, str]] = [
        *(((*here, "volumes", i), mount.path) for i, mount in enumerate(mounts_of(service))),
        *(((*here, "tmpfs", i), text.partition(":")[0]) for i, text in enumerate(service.tmpfs)),
    ]
    seen: set[str] = set()
    for pointer, path in places:
        if path in seen:
            yield pointer, f"two things are mounted at {path}", "remove one of them"
        seen.add(path)
