"""The table of checks: what `scs-build check` runs, in this order, each module imported when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from scs_build.errors import UnknownNameError
from scs_build.evidence.check import Check
from scs_build.evidence.exceptions import check_rule_names
from scs_build.evidence.restricted import Runner
from scs_build.plan.graph import Graph
from scs_build.recipes.explain import allowed_hint

# A module of the table has `make(context) -> Check`, and `rule_names(context)` where recipes can state
# exceptions from its rules.
CHECKS = {
    "attribution": "scs_build.evidence.attribution",
    "sbom": "scs_build.evidence.sbom",
    "licences": "scs_build.evidence.licences",
    "hardening": "scs_build.evidence.hardening.check",
    "smoke": "scs_build.evidence.smoke",
}


@dataclass(frozen=True)
class Context:
    """What checks stand on: the recipes, and what makes the runner of images, asked at most once."""

    graph: Graph
    make_runner: Callable[[], Runner]


def make_checks(context: Context, names: Iterable[str] = ()) -> tuple[Check, ...]:
    """Return the checks of these names, else all; raises `UnknownNameError` with the near miss.

    Also raises `RecipeError` where a recipe states an exception from a rule that no check has.
    """
    chosen = tuple(names)
    for name in chosen:
        if name not in CHECKS:
            raise UnknownNameError(f"there is no check `{name}`", solution=allowed_hint(name, list(CHECKS)))
    known = [rule for module in _modules() for rule in getattr(module, "rule_names", _no_rules)(context)]
    for component in context.graph.catalogue.components.values():
        check_rule_names(component, known)
    return tuple(
        module.make(context)
        for name, module in zip(CHECKS, _modules(), strict=True)
        if not chosen or name in chosen
    )


def _modules() -> list[Any]:
    return [import_module(module) for module in CHECKS.values()]


def _no_rules(context: Context) -> tuple[str, ...]:  # noqa: ARG001
    return ()
