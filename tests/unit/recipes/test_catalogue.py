from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scs_build.errors import InputError, Location, RecipeError, UnknownNameError
from scs_build.recipes.catalogue import Catalogue

CONTAINER = "format: 1\nkind: container\ndescription: a thing\n"
BUILDER = "format: 1\nkind: builder\ndescription: a compiler\n"
SERIES = """\
format: 1
name: "2026.1"
released: "2026-04-01"
debian: {release: trixie, suites: [trixie]}
python: {version: "3.13", manylinux: "2_41", prefix: /opt/venv}
constraints: upper-constraints.txt
"""

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(path: str, text: str) -> None:
        target = tmp_path / "images" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    write("bases/debian/recipe.yaml", CONTAINER + "users:\n  scs: {uid: 42400}\nuser: scs\n")
    write("bases/python/recipe.yaml", CONTAINER + "parent: debian\nenvironment: {A: base, B: base}\n")
    write("bases/compiler/recipe.yaml", BUILDER + "parent: python\n")
    write("series/2026.1/series.yaml", SERIES)
    write("series/2026.1/upper-constraints.txt", "")
    write("paths.yaml", "format: 1\ngenerated: []\ndropped: []\n")
    return write


def failure(root: Path, error: type[InputError] = RecipeError) -> InputError:
    with pytest.raises(error) as caught:
        Catalogue.load(root)
    return caught.value


def test_components_know_their_place_and_their_lineage(write: Write, tmp_path: Path) -> None:
    write("iaas/app/recipe.yaml", CONTAINER + "parent: python\nbuilder: compiler\nenvironment: {B: own}\n")
    catalogue = Catalogue.load(tmp_path)
    app = catalogue.component("app")
    assert (app.area, app.folder) == ("iaas", tmp_path / "images/iaas/app")
    assert app.raw.startswith(b"format: 1")
    assert catalogue.lineage("app") == ("debian", "python", "app")
    assert catalogue.environment_of("app") == {"A": "base", "B": "own"}
    user = catalogue.user_of("app")
    assert user is not None
    assert (user[0], user[1].uid) == ("scs", 42400)
    assert catalogue.paths.generated == ()


def test_images_come_in_build_order(write: Write, tmp_path: Path) -> None:
    write("iaas/a-first-by-name/recipe.yaml", CONTAINER + "parent: python\nbuilder: compiler\n")
    write("iaas/other/recipe.yaml", CONTAINER)
    catalogue = Catalogue.load(tmp_path)
    series = catalogue.series("2026.1")
    assert catalogue.images(series) == ("debian", "python", "a-first-by-name", "other")
    assert catalogue.images(series, "builder") == ("compiler",)


def test_a_series_that_lists_images_has_what_they_need(write: Write, tmp_path: Path) -> None:
    write("iaas/app/recipe.yaml", CONTAINER + "parent: python\nbuilder: compiler\n")
    write("iaas/other/recipe.yaml", CONTAINER)
    write("series/2026.1/series.yaml", SERIES + "images: [app]\n")
    catalogue = Catalogue.load(tmp_path)
    series = catalogue.series("2026.1")
    assert catalogue.images(series) == ("debian", "python", "app")
    assert catalogue.images(series, "builder") == ("compiler",)


def test_unknown_names_get_their_near_miss(write: Write, tmp_path: Path) -> None:
    catalogue = Catalogue.load(tmp_path)
    with pytest.raises(UnknownNameError, match="did you mean `debian`") as caught:
        catalogue.component("debain")
    assert caught.value.where is None
    with pytest.raises(UnknownNameError, match=r"there are: 2026\.1"):
        catalogue.series("zed")


@pytest.mark.parametrize(
    ("lines", "place", "words"),
    [
        ("parent: pyton\n", (4, 9), "did you mean `python`?"),
        ("parent: compiler\n", (4, 9), "`compiler` is of kind builder, and must be of kind container"),
        ("builder: comp\n", (4, 10), "did you mean `compiler`?"),
        ("builder: python\n", (4, 10), "must be of kind builder"),
        ("parent: app\n", (4, 9), "closes a cycle: app -> app"),
        ("user: nobody-knows\n", (4, 7), "neither the recipe nor a parent defines the user `nobody-knows`"),
        ("parent: debian\nuser: scss\n", (5, 7), "did you mean `scs`?"),
        ("directories:\n  /srv: www\n", (5, 9), "defines the user `www`"),
        ("users:\n  a: {uid: 7}\n  b: {uid: 7}\n", (6, 12), "the uid 7 is that of `a`"),
        ("parent: debian\nusers:\n  scs: {uid: 7}\n", (6, 3), "a parent defines it with other values"),
        ("files:\n  - {source: gone, path: /gone}\n", (5, 14), "no file `gone` in images/iaas/app/files/"),
        ("files:\n  - {source: link, path: /link}\n", (5, 14), "no file `link`"),
        ("links: {/a: b}\ndirectories: {/a: root}\n", (4, 9), "`/a` is there twice"),
        ("links: {/bin/sh: dash}\n", (4, 9), "would replace a link of Debian's by a directory"),
        ("directories: {/lib: root}\n", (4, 15), "would replace a link of Debian's"),
        ("groups: {core: [apt]}\n", (4, 1), "only recipes of kind tools"),
        ("dropped:\n  - {path: /a**, reason: nobody needs it}\n", (5, 12), "`/a**` is not a path pattern"),
        ("dropped:\n  - {path: a/b, reason: nobody needs it}\n", (5, 12), "does not begin with `/`"),
        ("dropped:\n  - {path: /a, reason: short}\n", (5, 24), "at least 10 characters"),
        (
            "generated:\n  - {path: /a, by: b, reason: it is needed}\n"
            "dropped:\n  - {path: /a, reason: nobody needs it}\n",
            (7, 12),
            "dropped[0]: there is a rule on `/a` already",
        ),
        (
            "generated:\n  - {path: /a, by: b, layer: system, reason: it is needed}\n",
            (5, 30),
            "nothing of a recipe goes into the layer `system`",
        ),
    ],
)
def test_what_does_not_fit_is_an_error_at_its_place(
    write: Write, tmp_path: Path, lines: str, place: tuple[int, int], words: str
) -> None:
    write("iaas/app/recipe.yaml", CONTAINER + lines)
    (tmp_path / "images/iaas/app/files").mkdir()
    (tmp_path / "images/iaas/app/files/link").symlink_to("../recipe.yaml")
    error = failure(tmp_path)
    assert error.where == Location("images/iaas/app/recipe.yaml", *place)
    assert words in str(error)


def test_what_ships_nothing_has_no_rules_on_paths(write: Write, tmp_path: Path) -> None:
    recipe = (tmp_path / "images/bases/compiler/recipe.yaml").read_text()
    write("bases/compiler/recipe.yaml", f"{recipe}dropped:\n  - {{path: /a, reason: nobody needs it}}\n")
    error = failure(tmp_path)
    assert "a recipe of kind builder ships no paths" in error.reason
    assert error.where == Location("images/bases/compiler/recipe.yaml", recipe.count("\n") + 1, 1)


def test_a_cycle_over_parent_and_builder_is_found(write: Write, tmp_path: Path) -> None:
    write("bases/python/recipe.yaml", CONTAINER + "parent: debian\nbuilder: compiler\n")
    error = failure(tmp_path)
    assert "parent: `compiler`" not in error.reason
    assert "closes a cycle: compiler -> python -> compiler" in error.reason
    assert error.where == Location("images/bases/python/recipe.yaml", 5, 10)


def test_a_name_is_there_once(write: Write, tmp_path: Path) -> None:
    write("iaas/python/recipe.yaml", CONTAINER)
    error = failure(tmp_path)
    assert error.where == Location("images/iaas/python/recipe.yaml")
    assert "first in images/bases/python/recipe.yaml" in error.reason


def test_a_folder_needs_a_valid_name_and_a_recipe_its_own(write: Write, tmp_path: Path) -> None:
    write("iaas/App/recipe.yaml", CONTAINER)
    assert "the folder `App` is not a name" in failure(tmp_path).reason
    (tmp_path / "images/iaas/App").rename(tmp_path / "images/iaas/app")
    (tmp_path / "images/iaas/app/recipe.yaml").rename(tmp_path / "images/iaas/app/recipe.yml")
    assert "must be named recipe.yaml" in failure(tmp_path).reason


def test_a_file_of_the_recipe_is_found(write: Write, tmp_path: Path) -> None:
    write("iaas/app/recipe.yaml", CONTAINER + "files:\n  - {source: a/b.conf, path: /etc/b.conf}\n")
    write("iaas/app/files/a/b.conf", "x")
    app = Catalogue.load(tmp_path).component("app")
    assert app.file("a/b.conf").read_text() == "x"
    with pytest.raises(RecipeError, match=r"no file `\.\./recipe\.yaml`"):
        app.file("../recipe.yaml")


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ('"2026.1"', '"2025.1"', (2, 7), "lies in a folder named 2026.1"),
        ("upper-", "lower-", (6, 14), "there is no file `lower-constraints.txt`"),
        ("format: 1\n", "format: 1\nimages: [debain]\n", (2, 10), "did you mean `debian`?"),
        ('"2026-04-01"', "2026-04-01", (3, 11), "would be read as a date"),
        ('"2026-04-01"', '"2026-02-30"', (3, 11), "there is no such day as `2026-02-30`"),
        ('"2026-04-01"', '"２０２６-０４-０１"', (3, 11), "is not a date"),
        ('"2_41"', '"2_4100000000"', (5, 38), "is not a glibc version"),
        ('"3.13"', '"3.1３"', (5, 19), "is not a Python version"),
    ],
)
def test_a_series_fits_its_folder(
    write: Write, tmp_path: Path, old: str, new: str, place: tuple[int, int], words: str
) -> None:
    write("series/2026.1/series.yaml", SERIES.replace(old, new))
    catalogue = Catalogue.load(tmp_path)
    with pytest.raises(RecipeError) as caught:
        catalogue.series("2026.1")
    assert caught.value.where == Location("images/series/2026.1/series.yaml", *place)
    assert words in str(caught.value)


def test_patterns_of_paths_are_checked(write: Write, tmp_path: Path) -> None:
    write(
        "paths.yaml",
        "format: 1\ngenerated: []\ndropped:\n  - {path: /a**, reason: nobody ever needs it}\n",
    )
    with pytest.raises(RecipeError, match="`/a\\*\\*` is not a path pattern") as caught:
        _ = Catalogue.load(tmp_path).paths
    assert caught.value.where == Location("images/paths.yaml", 4, 12)


def test_a_root_holds_images(tmp_path: Path) -> None:
    assert "no folder `images`" in failure(tmp_path).reason


def test_the_catalogue_of_this_repository_is_valid() -> None:
    catalogue = Catalogue.load(Path(__file__).parents[3])
    for name in catalogue.series_names:
        assert catalogue.images(catalogue.series(name))
    assert catalogue.paths.generated


def test_a_recipe_may_be_a_link_that_stays_in_the_checkout(write: Write, tmp_path: Path) -> None:
    write("shared.yaml", CONTAINER)
    recipe = tmp_path / "images/iaas/linked/recipe.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.symlink_to("../../shared.yaml")
    assert "linked" in Catalogue.load(tmp_path).components


@pytest.mark.parametrize(
    ("target", "words"),
    [("none.yaml", "is a link to nowhere"), ("recipe.yaml", "to nowhere"), ("{}/out.yaml", "leads out of")],
)
def test_a_recipe_that_is_a_link_to_elsewhere_is_refused_as_such(
    write: Write, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, target: str, words: str
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "out.yaml").write_text(CONTAINER)
    recipe = tmp_path / "images/iaas/linked/recipe.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.symlink_to(target.format(outside))
    error = failure(tmp_path)
    assert words in error.reason
    assert error.where == Location("images/iaas/linked/recipe.yaml")


def test_a_folder_that_is_a_link_out_of_the_checkout_is_refused(
    write: Write, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "recipe.yaml").write_text(CONTAINER)
    (tmp_path / "images/iaas").mkdir(parents=True, exist_ok=True)
    (tmp_path / "images/iaas/linked").symlink_to(outside)
    assert "leads out of" in failure(tmp_path).reason
