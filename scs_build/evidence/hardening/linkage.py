"""Rules about machine code: how programs and libraries were compiled and linked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scs_build.evidence.content import Item
from scs_build.evidence.hardening.view import Found, View
from scs_build.recipes.policy import LinkageRule

Facts = Mapping[str, Any]
_ORIGIN = ("$ORIGIN", "${ORIGIN}")

# What is wrong with the facts of a file (see `elf_facts`), in words; None: nothing.
LOOKS: Mapping[str, Callable[[Facts], str | None]] = {
    "pie": lambda elf: None if elf["pie"] else "is loaded at a fixed address (no PIE)",
    "relro": lambda elf: None if elf["relro"] else "has no RELRO",
    "bind-now": lambda elf: None if elf["bind_now"] else "is not bound when it starts (no BIND_NOW)",
    "stack-protector": lambda elf: "has no stack protector" if elf["stack_protector"] is False else None,
    "fortify": lambda elf: (
        "prints and copies without checks (no FORTIFY)"
        if elf["checkable"] and elf["fortified"] is False
        else None
    ),
    "executable-stack": lambda elf: "has an executable stack" if elf["executable_stack"] else None,
    "writable-code": lambda elf: (
        "changes its code or executes what it writes" if elf["writable_code"] else None
    ),
}


def linkage(view: View, name: str, rule: LinkageRule) -> Iterator[Found]:
    """Find machine code that breaks the rule `name`."""
    for item, elf in _in_scope(view, rule):
        if name == "readable":
            if "broken" in elf:
                yield Found(item.path, f"cannot be read: {elf['broken']}")
        elif "broken" not in elf:
            if name == "library-path":
                yield from _library_path(view, item, elf["library_path"])
            elif problem := LOOKS[name](elf):
                yield Found(item.path, problem)


def _in_scope(view: View, rule: LinkageRule) -> Iterator[tuple[Item, Facts]]:
    for item in view.machine_code:
        elf = item.traits["elf"]
        program = "programs" in rule.of and elf.get("program")
        if "every" in rule.of or program or ("compiled" in rule.of and item.path in view.compiled):
            yield item, elf


def _library_path(view: View, item: Item, folders: list[str]) -> Iterator[Found]:
    here = f"/{item.path.rpartition('/')[0]}"
    for folder in folders:
        full = folder
        for origin in _ORIGIN:
            full = full.replace(origin, here)
        found = view.resolved(full) if full.startswith("/") else None
        if not full.startswith("/"):
            yield Found(item.path, f"looks for libraries in `{folder}`, wherever it is started")
        elif found is None or found.type != "dir":
            yield Found(item.path, f"looks for libraries in `{folder}`, which is no folder of the image")
        elif view.may_change(found):
            yield Found(
                item.path, f"looks for libraries in `{folder}`, which the user of the image can change"
            )
