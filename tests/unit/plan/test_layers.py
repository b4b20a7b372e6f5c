"""Layers over ours: what they touch is marked, what they do not touch is as it was."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scs_build.build.image import configuration
from scs_build.errors import InputError, Location, LockError
from scs_build.plan.affected import compare, keys_of
from scs_build.plan.graph import Graph
from scs_build.plan.remembered import fingerprint
from scs_build.recipes.catalogue import Catalogue
from tests.unit.plan.conftest import SERIES, World, artefact

PLATFORM = "linux/amd64"
APP = "images/iaas/app"
MORE = "format: 1\nkind: container\ndescription: one more\nparent: base\ndebian: {packages: [more]}\n"


class Site:
    """A layer in a folder of its own, over a world."""

    def __init__(self, world: World, folder: Path, name: str = "acme") -> None:
        self.world, self.folder = world, folder
        self.write("layer.yaml", f"format: 1\nname: {name}\nvendor: Acme Cloud\n")
        (folder / "images").mkdir()

    def write(self, path: str, text: str) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def lock(self, place: str, *lines: tuple[str, ...], **more: object) -> None:
        artefacts = [{**artefact(*line), **more} for line in lines]
        platforms = {PLATFORM: artefacts}
        text = {"format": 1, "image": place.rpartition("/")[2], "series": SERIES, "platforms": platforms}
        self.write(f"{place}/lock/{SERIES}.json", json.dumps(text))

    def copy(self, place: str) -> None:
        shutil.copytree(self.world.root / place, self.folder / place)

    def change(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text()
        assert old in text
        self.write(path, text.replace(old, new))

    def graph(self, *others: Path) -> Graph:
        catalogue = Catalogue.load(self.world.root, (self.folder, *others))
        return Graph(catalogue, catalogue.series(SERIES), PLATFORM)

    def compared(self) -> dict[str, str]:
        before = keys_of(self.world.root, SERIES, PLATFORM)
        return compare(before, keys_of(self.world.root, SERIES, PLATFORM, (self.folder,)))

    def origins(self) -> dict[str, tuple[str, ...]]:
        graph = self.graph()
        return {n: graph.origin_names(n) for n in graph.catalogue.components if graph.origin_names(n)}


@pytest.fixture
def site(world: World, tmp_path: Path) -> Site:
    return Site(world, tmp_path / "somewhere")


def add_more(site: Site) -> None:
    site.write("images/operations/more/recipe.yaml", MORE)
    site.lock("images/operations/more", ("deb", "more", "1.0"))


def test_an_empty_layer_and_a_mere_copy_change_nothing(site: Site) -> None:
    assert site.compared() == {}
    site.copy(APP)
    site.copy("images/bases/base")
    site.write(f"images/series/{SERIES}/series.yaml", 'format: 1\ncomponents: {app: "~=1.0"}\n')
    assert site.compared() == {}
    assert site.origins() == {}


def test_a_component_is_added_and_ours_stay_equal(site: Site) -> None:
    add_more(site)
    assert site.compared() == {"more": "added"}
    assert site.origins() == {"more": ("acme",)}


def test_a_replaced_recipe_touches_its_image_alone(site: Site) -> None:
    site.copy(APP)
    site.change(f"{APP}/recipe.yaml", "5000", "5001")
    assert site.compared() == {"app": "changed"}
    assert site.origins() == {"app": ("acme",)}


@pytest.mark.parametrize(
    ("place", "old", "new", "touched"),
    [
        ("images/bases/base", "a base", "our base", {"base", "compiler", "app", "sibling"}),
        ("images/bases/compiler", "a compiler", "our compiler", {"compiler", "app"}),
    ],
)
def test_what_stands_on_a_replaced_one_is_touched(
    site: Site, place: str, old: str, new: str, touched: set[str]
) -> None:
    site.copy(place)
    site.change(f"{place}/recipe.yaml", old, new)
    assert site.origins().keys() == touched


def test_other_tools_touch_everything(site: Site) -> None:
    site.lock("images/bases/tools", ("deb", "libc-bin", "2.42"))
    assert site.origins().keys() == site.graph().catalogue.components.keys()


def test_a_replaced_recipe_needs_a_lock_in_the_layer(site: Site) -> None:
    site.copy(APP)
    (site.folder / APP / f"lock/{SERIES}.json").unlink()
    with pytest.raises(LockError) as caught:
        site.graph().image("app")
    assert str(site.folder / APP) in str(caught.value.where)
    assert caught.value.solution and "scs-build lock app" in caught.value.solution


def test_a_lock_alone_wins_over_ours(site: Site) -> None:
    site.lock("images/iaas/sibling", ("deb", "sib", "1.1"))
    assert site.compared() == {"sibling": "changed"}
    assert site.origins() == {"sibling": ("acme",)}


def test_an_overridden_constraint_asks_for_a_lock_where_it_stands(site: Site) -> None:
    site.write(f"images/series/{SERIES}/series.yaml", "format: 1\nconstraints: limits.txt\n")
    site.write(f"images/series/{SERIES}/limits.txt", "# ours\nfast===2.0\napp===1.1\n")
    with pytest.raises(LockError, match=r"app===1\.1 excludes 1\.0, to which app is locked") as caught:
        site.graph().image("app")
    assert str(caught.value.where) == f"{site.folder}/images/series/{SERIES}/limits.txt:3"
    lines = (("sdist", "fast", "2.0"), ("wheel", "app", "1.1"), ("wheel", "setuptools", "80", "build"))
    site.lock(APP, *lines)
    assert site.compared() == {"app": "changed"}


@pytest.mark.parametrize("more", [{}, {"requirement": "app"}])
def test_an_overridden_specifier_asks_for_a_lock_where_it_stands(site: Site, more: dict[str, str]) -> None:
    site.write(f"images/series/{SERIES}/series.yaml", 'format: 1\ncomponents: {app: "~=2.0"}\n')
    site.lock(APP, ("wheel", "app", "1.0"), **more)
    with pytest.raises(LockError, match=r"app~=2\.0 excludes 1\.0, to which app is locked") as caught:
        site.graph().image("app")
    assert str(caught.value.where) == f"{site.folder}/images/series/{SERIES}/series.yaml:2:19"


def test_rules_on_paths_hold_for_touched_images_only(site: Site) -> None:
    add_more(site)
    rule = "{path: /etc/more.conf, reason: the recipe names the options}"
    site.write("images/paths.yaml", f"format: 1\ngenerated: []\ndropped: [{rule}]\n")
    graph = site.graph()
    assert site.compared() == {"more": "added"}
    assert [rule.path for rule in graph.rules("more").dropped] == ["/etc/more.conf"]
    assert graph.rules("sibling").dropped == ()


def test_a_recipe_of_a_layer_states_rules_for_its_image_alone(site: Site) -> None:
    add_more(site)
    site.write("images/operations/other/recipe.yaml", MORE)
    site.lock("images/operations/other", ("deb", "more", "1.0"))
    before = site.graph()
    rule = "{path: /etc/more.conf, reason: the recipe names the options}"
    site.write("images/operations/more/recipe.yaml", f"{MORE}dropped:\n  - {rule}\n")
    site.write(
        "images/paths.yaml",
        "format: 1\ngenerated: []\ndropped:\n  - {path: /etc/more.*, reason: of every image of ours}\n",
    )
    graph = site.graph()
    assert [rule.path for rule in graph.rules("more").dropped] == ["/etc/more.conf", "/etc/more.*"]
    assert graph.rules("more").where(graph.rules("more").dropped[0]) == Location(
        str(site.folder / "images/operations/more/recipe.yaml"), 7, 5
    )
    assert graph.rules("more").where(graph.rules("more").dropped[1]) == Location(
        str(site.folder / "images/paths.yaml"), 4, 5
    )
    (site.folder / "images/paths.yaml").unlink()
    after = site.graph()
    assert after.image("more").key != before.image("more").key
    assert after.image("other").key == before.image("other").key


def test_an_image_says_who_touched_it_and_not_where_from(site: Site, tmp_path: Path) -> None:
    add_more(site)
    graph = site.graph()

    class Shop:
        def __init__(self) -> None:
            self.graph = graph

    def labels(name: str) -> dict[str, str]:
        return configuration(Shop(), graph.catalogue.component(name)).labels  # type: ignore[arg-type, return-value]

    assert labels("more")["community.scs.layers"] == "acme"
    assert labels("more")["org.opencontainers.image.vendor"] == "Acme Cloud"
    assert "community.scs.layers" not in labels("sibling")
    key = graph.image("more").key
    site.folder.rename(tmp_path / "elsewhere")
    site.folder = tmp_path / "elsewhere"
    assert site.graph().image("more").key == key
    site.write("layer.yaml", "format: 1\nname: other\nvendor: Acme Cloud\n")
    assert site.graph().image("more").key != key


def test_the_highest_layer_wins_and_all_that_count_are_named(site: Site, tmp_path: Path) -> None:
    site.copy("images/iaas/sibling")
    site.change("images/iaas/sibling/recipe.yaml", "a sibling", "a brother")
    top = Site(site.world, tmp_path / "top", "top")
    top.lock("images/iaas/sibling", ("deb", "sib", "1.1"))
    graph = site.graph(top.folder)
    assert graph.origin_names("sibling") == ("acme", "top")
    assert graph.lock("sibling").artefacts[0].version == "1.1"
    assert graph.catalogue.component("sibling").recipe.description == "a brother"
    shutil.rmtree(top.folder / "images/iaas/sibling")
    top.copy("images/iaas/sibling")
    top.change("images/iaas/sibling/recipe.yaml", "a sibling", "a sister")
    assert site.graph(top.folder).origin_names("sibling") == ("top",)


def test_layers_are_part_of_the_fingerprint(site: Site) -> None:
    def mark(*layers: Path) -> str:
        return fingerprint(site.world.root, SERIES, PLATFORM, layers)

    first = mark(site.folder)
    assert mark() != first
    site.write("layer.yaml", "format: 1\nname: acme\nvendor: Others\n")
    second = mark(site.folder)
    add_more(site)
    assert len({first, second, mark(site.folder)}) == 3
    before = mark(site.folder)
    site.write("README.md", "hello\n")
    assert mark(site.folder) == before


FILES = {
    "layer.yaml": "format: 1\nname: acme\nvendor: Acme Cloud\n",
    "images/operations/more/recipe.yaml": MORE,
    f"images/operations/more/lock/{SERIES}.json": "",
    f"images/series/{SERIES}/series.yaml": "format: 1\nconstraints: limits.txt\ncomponents: {app: ~=1.0}\n",
    f"images/series/{SERIES}/limits.txt": "app===1.0\nfast===2.0\n",
    "images/paths.yaml": "format: 1\ngenerated: []\ndropped: []\n",
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    name=st.sampled_from(sorted(FILES)),
    at=st.integers(0, 200),
    drop=st.integers(0, 12),
    put=st.one_of(st.binary(max_size=6), st.sampled_from([b"\n", b": ", b"[", b"- x\n", b"=", b"'", b'"'])),
)
def test_whatever_is_wrong_in_a_layer_has_a_place_in_it(
    site: Site, name: str, at: int, drop: int, put: bytes
) -> None:
    for path, text in FILES.items():
        site.write(path, text)
    site.lock("images/operations/more", ("deb", "more", "1.0"))
    path = site.folder / name
    data = path.read_bytes()
    at %= len(data) + 1
    path.write_bytes(data[:at] + put + data[at + drop :])
    try:
        graph = site.graph()
        for image in graph.catalogue.images(graph.series):
            graph.image(image)
    except InputError as error:
        assert error.where is not None, error
        assert error.where.path.startswith(str(site.folder)), error
        assert error.reason
