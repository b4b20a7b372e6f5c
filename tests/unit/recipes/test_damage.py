"""Whatever happens to the files that people write, there is an error with a place, or a valid value."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from scs_build.errors import FormatError, InputError, RecipeError, SiteError
from scs_build.recipes.licences import LicencePolicy
from scs_build.recipes.loader import parse
from scs_build.recipes.models import LayerHead, Paths, Recipe, Series, SeriesAddition
from scs_build.recipes.policy import Hardening
from scs_build.recipes.site import Site
from tests.unit.mutations import damaged_yaml

ROOT = Path(__file__).parents[3]
IMAGES = ROOT / "images"
SITE = b"""\
format: 1
debian: [https://mirror.example.org/debian, "file:///srv/debian"]
debian_security: [https://mirror.example.org/security]
debian_snapshot: []
python: [https://index.example.org/simple]
"""
DOCUMENTS: list[tuple[bytes, type[BaseModel], type[InputError]]] = [
    ((IMAGES / "iaas/keystone/recipe.yaml").read_bytes(), Recipe, RecipeError),
    ((IMAGES / "iaas/mariadb/recipe.yaml").read_bytes(), Recipe, RecipeError),
    ((IMAGES / "bases/tools/recipe.yaml").read_bytes(), Recipe, RecipeError),
    ((IMAGES / "series/2026.1/series.yaml").read_bytes(), Series, RecipeError),
    ((IMAGES / "paths.yaml").read_bytes(), Paths, RecipeError),
    (SITE, Site, SiteError),
    ((ROOT / "policy/hardening.yaml").read_bytes(), Hardening, RecipeError),
    ((ROOT / "policy/licences.yaml").read_bytes(), LicencePolicy, RecipeError),
    (b"format: 1\nname: provider\nvendor: A provider\n", LayerHead, RecipeError),
    (b"format: 1\nconstraints: more.txt\ncomponents: {keystone: ~=29.1}\n", SeriesAddition, RecipeError),
]


@pytest.mark.parametrize(
    ("data", "model", "error"), DOCUMENTS, ids=lambda part: getattr(part, "__name__", "")
)
@given(choice=st.data())
def test_a_damaged_file_is_read_or_refused_at_its_place(
    data: bytes, model: type[BaseModel], error: type[InputError], choice: st.DataObject
) -> None:
    assert isinstance(parse(data, model, "file.yaml", error=error), model)
    found = choice.draw(damaged_yaml(data))
    try:
        parse(found, model, "file.yaml", error=error)
    except (error, FormatError) as failure:
        assert failure.where is not None
        assert failure.where.path == "file.yaml"
        assert failure.where.line is not None
        assert 1 <= failure.where.line <= len(found.decode(errors="replace").splitlines()) + 1
        str(failure).encode()
