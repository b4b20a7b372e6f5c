"""Rules about the configuration: who runs what, and whether it tells secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from scs_build.evidence.content import Item
from scs_build.evidence.hardening.view import Found, View
from scs_build.evidence.marks import Search

_NUMERIC = re.compile(r"([0-9]+):([0-9]+)")
_SECRET_NAME = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|API_?KEY|PRIVATE_?KEY", re.IGNORECASE)
# Variables that name where a secret is.
_PLACE_NAME = re.compile(r"_(FILE|PATH|DIR|URL)$", re.IGNORECASE)
_CONFIGURATION = ""


def user(view: View) -> Iterator[Found]:
    """Find images that run as root, or do not say by number as whom."""
    said = str(view.runtime.get("User", ""))
    numbers = _NUMERIC.fullmatch(said)
    if not numbers:
        shown = f"`{said}`" if said else "nobody, so root"
        yield Found(_CONFIGURATION, f"runs as {shown}: must be <uid>:<gid>, in numbers")
    elif not int(numbers[1]) or not int(numbers[2]):
        yield Found(_CONFIGURATION, f"runs as {said}: root")


def entrypoint(view: View) -> Iterator[Found]:
    """Find commands that are not there, or that the image's user cannot start."""
    if wrapper := view.runtime.get("Entrypoint"):
        shown = " ".join(map(str, wrapper))
        yield Found(
            _CONFIGURATION, f"has an entry point (`{shown}`): only a command may start, the service itself"
        )
    for what, argv in _commands(view):
        if problem := _problem(view, argv[0]):
            yield Found(_CONFIGURATION, f"{what}: {problem}")


def configuration_secret(view: View) -> Iterator[Found]:
    """Find secrets in environment, labels, commands and history."""
    for pair in view.runtime.get("Env") or ():
        name, _, value = str(pair).partition("=")
        if value and _SECRET_NAME.search(name) and not _PLACE_NAME.search(name):
            yield Found(_CONFIGURATION, f"the environment variable {name} has a value")
    for where, text in _texts(view.config, "configuration"):
        search = Search(binary=False)
        search.take(text.encode(errors="replace"))
        yield from (Found(_CONFIGURATION, f"{where} holds {mark.what}") for mark in search.found.values())


LOOKS: Mapping[str, Callable[[View], Iterator[Found]]] = {
    "user": user, "entrypoint": entrypoint, "configuration-secret": configuration_secret,
}  # fmt: skip


def _commands(view: View) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield every command of the image: of its configuration, and of the services of its recipe."""
    runtime = view.runtime
    started = [*(runtime.get("Entrypoint") or ()), *(runtime.get("Cmd") or ())]
    asked = (runtime.get("Healthcheck") or {}).get("Test", [])[1:]
    known: list[Sequence[str]] = [started, asked]
    if started:
        yield "the command", started
    if asked:
        yield "the check of its health", asked
    for name, service in view.services.items():
        health = service.health.command if service.health else None
        for what, argv in ((f"the service {name}", service.command), (f"the check of {name}", health)):
            if argv and list(argv) not in known:
                yield what, argv


def _problem(view: View, program: str) -> str | None:
    """Return why the user cannot start a program, None when they can."""
    item = _program(view, program)
    if item is None:
        return f"{program} is not in the image"
    if item.type not in ("file", "hardlink"):
        return f"{program} is not a file"
    if not view.may_execute(item):
        return f"the user {view.user[0]}:{view.user[1]} may not execute {program}"
    content = view.items.get(item.link, item) if item.type == "hardlink" else item
    needed = content.traits.get("interpreter", "").split(" ")[0] or content.traits.get("elf", {}).get(
        "loader", ""
    )
    if needed and ((found := view.resolved(needed)) is None or not view.may_execute(found)):
        return f"{program} needs {needed}, which the image does not have or its user may not execute"
    return None


def _program(view: View, program: str) -> Item | None:
    if "/" in program:
        return view.resolved(program)
    env = dict(str(pair).partition("=")[::2] for pair in view.runtime.get("Env") or ())
    places = (view.resolved(f"{folder}/{program}") for folder in env.get("PATH", "").split(":"))
    return next((item for item in places if item is not None), None)


def _texts(value: object, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, f"{where}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{where}[{index}]")
