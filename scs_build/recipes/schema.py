"""JSON Schema of the files that people write, for editors and other tools."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from scs_build.recipes.licences import LicencePolicy
from scs_build.recipes.models import FORMAT, LayerHead, Model, Paths, Recipe, Series, SeriesAddition
from scs_build.recipes.policy import Hardening
from scs_build.recipes.site import Site

DOCUMENTS: dict[str, type[Model]] = {
    "recipe": Recipe,
    "series": Series,
    "paths": Paths,
    "site": Site,
    "hardening": Hardening,
    "licences": LicencePolicy,
    "layer": LayerHead,
    "layer-series": SeriesAddition,
}


def schemas() -> dict[str, dict[str, Any]]:
    """Return the schema (draft 2020-12) of each document by name."""
    return {name: schema_of(name, model) for name, model in DOCUMENTS.items()}


def schema_of(name: str, model: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of one document."""
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:scs-build:schema:{name}:{FORMAT}",
    }
    return {**head, **model.model_json_schema(mode="validation")}
