"""Layers of the graph as batches, and what each of them depends on."""

from __future__ import annotations

from scs_build.recipes.catalogue import Catalogue
from scs_build.zuul.batches import MOST_BATCHES, Batch, batches_of
from tests.unit.plan.conftest import World

# A compiler that stands on an image of its own, which so belongs to a layer below.
HEAVY = "format: 1\nkind: builder\ndescription: a heavy one\nparent: runtime\ndebian: {build: [clang]}\n"
RUNTIME = "format: 1\nkind: container\ndescription: a runtime\nparent: base\ndebian: {packages: [llvm]}\n"


def batches(world: World) -> tuple[Batch, ...]:
    return batches_of(Catalogue.load(world.root))


def needs(batch: Batch) -> set[str]:
    return {part.name for part in batch.needs}


def chain(world: World, length: int) -> None:
    for number in range(length):
        parent = f"link{number - 1}" if number else "base"
        world.write(
            f"iaas/link{number}/recipe.yaml",
            f"format: 1\nkind: container\ndescription: a link\nparent: {parent}\ndebian: {{packages: [x]}}\n",
        )


def test_a_batch_holds_the_images_of_a_layer_and_no_builder(world: World) -> None:
    assert [batch.images for batch in batches(world)] == [("base",), ("app", "sibling")]


def test_a_batch_needs_parents_compilers_and_the_ground_of_all(world: World) -> None:
    low, high = batches(world)
    assert needs(low) == {"base", "scaffold", "tools"}
    assert needs(high) == {"app", "base", "compiler", "scaffold", "sibling", "tools"}


def test_what_a_compiler_stands_on_is_built_before(world: World) -> None:
    world.write("iaas/runtime/recipe.yaml", RUNTIME)
    world.write("bases/heavy/recipe.yaml", HEAVY)
    world.change("iaas/app/recipe.yaml", "builder: compiler", "builder: heavy")
    assert [batch.images for batch in batches(world)] == [("base",), ("runtime", "sibling"), ("app",)]
    assert {"heavy", "runtime"} <= needs(batches(world)[2])


def test_layers_beyond_the_last_batch_share_it(world: World) -> None:
    chain(world, 7)
    found = batches(world)
    assert [batch.number for batch in found] == list(range(1, MOST_BATCHES + 1))
    assert found[-1].images == ("link2", "link3", "link4", "link5", "link6")
    assert {f"link{number}" for number in range(7)} <= needs(found[-1])


def test_an_image_of_any_series_is_in_a_batch(world: World) -> None:
    world.series("2025.1")
    world.change("series/2025.1/series.yaml", "format: 1", "format: 1\nimages: [sibling]")
    world.change("series/2026.1/series.yaml", "format: 1", "format: 1\nimages: [app]")
    assert [batch.images for batch in batches(world)] == [("base",), ("app", "sibling")]
