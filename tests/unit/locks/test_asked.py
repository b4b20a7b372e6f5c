"""A lock says what it was made for: a plan refuses it when something else is asked for, and only then."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from scs_build.cli.lock import image_keys
from scs_build.cli.main import main
from scs_build.cli.options import Session
from scs_build.errors import LockError, RecipeError
from scs_build.inputs.asked import asked_of, differences
from scs_build.locks.check import check_lock
from scs_build.locks.files import lock_path, read_lock, write_lock
from scs_build.locks.idle import idle_specifiers
from scs_build.locks.lock import lock_images
from scs_build.plan.graph import Graph
from scs_build.progress import Silent
from scs_build.recipes.catalogue import Catalogue
from scs_build.recipes.site import Site
from scs_build.store.store import Store

ROOT = Path(__file__).parents[3]
SERIES, PLATFORM, OTHER = "2026.1", "linux/amd64", "linux/ppc64le"
RECIPE = "images/iaas/keystone/recipe.yaml"
LINE = f"images/series/{SERIES}/series.yaml"
LIMITS = f"images/series/{SERIES}/upper-constraints.txt"
LOCK = f"images/iaas/keystone/lock/{SERIES}.json"
COMMAND = "run `scs-build lock keystone --series 2026.1`"

Document = dict[str, Any]
Edit = Callable[[Document, Document], object]


class Checkout:
    """A copy of our recipes and locks that is changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(ROOT / "images", root / "images")

    def change(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text()
        assert old in text
        (self.root / path).write_text(text.replace(old, new, 1))

    def edit(self, *edits: Edit) -> None:
        recipe, series = (yaml.safe_load((self.root / path).read_text()) for path in (RECIPE, LINE))
        for edit in edits:
            edit(recipe, series)
        for path, document in ((RECIPE, recipe), (LINE, series)):
            (self.root / path).write_text("# anew\n" + yaml.safe_dump(document))

    def catalogue(self, *layers: Path) -> Catalogue:
        return Catalogue.load(self.root, layers)

    def key(self, *layers: Path, image: str = "keystone") -> str:
        catalogue = self.catalogue(*layers)
        return Graph(catalogue, catalogue.series(SERIES), PLATFORM).image(image).key

    def refused(self, *layers: Path, image: str = "keystone") -> LockError:
        with pytest.raises(LockError) as caught:
            self.key(*layers, image=image)
        return caught.value

    def lock(self, folder: Path, *layers: Path, name: str = "keystone") -> list[str]:
        """Lock where no mirror answers: what needs one fails."""
        site = Site(debian=("http://127.0.0.1:9",), python=("http://127.0.0.1:9",))
        changes = lock_images(
            self.catalogue(*layers), SERIES, (name,), PLATFORM, site, store=Store(folder / "store"),
            work=folder / "work", progress=Silent(),
        )  # fmt: skip
        assert not any(change.content for change in changes)
        return [change.image for change in changes]

    def older(self, path: str = LOCK, number: int = 2) -> None:
        """Make a lock one of a format that does not say what it was made for."""
        document = json.loads((self.root / path).read_text())
        del document["asked"]
        (self.root / path).write_text(json.dumps(document | {"format": number}))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout")


@pytest.mark.parametrize("series", ["2025.1", "2026.1"])
def test_every_committed_lock_says_what_it_was_made_for(series: str) -> None:
    catalogue = Catalogue.load(ROOT)
    for component in catalogue.components.values():
        lock = read_lock(lock_path(component.folder, series), PLATFORM)
        assert lock.asked == asked_of(component.recipe, catalogue.series(series))


def put(*way: str, add: object = None, drop: object = None) -> Edit:
    """Return the edit of a list: what is added to it, what is taken from it."""

    def edit(recipe: Document, series: Document) -> None:
        *parents, last = way
        owner = series if parents and parents[0] == "series" else recipe
        for name in parents[1:] if owner is series else parents:
            owner = owner.setdefault(name, {})
        texts = owner.setdefault(last, [])
        if drop is not None:
            texts.remove(drop)
        if add is not None:
            texts.append(add)

    return edit


def name(part: str, field: str, value: object) -> Edit:
    return lambda recipe, series: (series if part == "series" else recipe[part]).update({field: value})


# Each changes what is resolved, none what another changes.
REAL: dict[str, Edit] = {
    "+ debian.packages: curl": put("debian", "packages", add="curl"),
    "- debian.packages: libldap2": put("debian", "packages", drop="libldap2"),
    "+ debian.build: gperf": put("debian", "build", add="gperf"),
    "- debian.build: libsasl2-dev": put("debian", "build", drop="libsasl2-dev"),
    "+ debian.without: mawk": name("debian", "without", {"mawk": "it is not needed here"}),
    "+ python.requirements: boto3": put("python", "requirements", add="boto3"),
    "- python.requirements: pymemcache": put("python", "requirements", drop="pymemcache"),
    "+ python.requirements: PyMySQL, PyMySQL>1": put("python", "requirements", add="PyMySQL>1"),
    "+ python.build: flit-core": put("python", "build", add="flit-core"),
    "- python.compile: testresources": put("python", "compile", drop="testresources"),
    "+ series.components: keystone~=29.1": lambda _, series: series["components"].update(keystone="~=29.1"),
    "+ series.debian.suites: sid": lambda _, series: series["debian"]["suites"].append("sid"),
    "+ series.debian.release: forky": lambda _, series: series["debian"].update(release="forky"),
    "+ series.python.version: 3.14": lambda _, series: series["python"].update(version="3.14"),
    "- builder: python-builder": lambda recipe, _: recipe.pop("builder"),
}


def turned(part: str, field: str) -> Edit:
    return lambda recipe, _: recipe[part][field].reverse()


def respelt(old: str, new: str, field: str = "requirements") -> Edit:
    return lambda recipe, _: recipe["python"].update(
        {field: [new if text == old else text for text in recipe["python"][field]]}
    )


# None of these changes what is resolved.
COSMETIC: dict[str, Edit] = {
    "order of packages": turned("debian", "packages"),
    "order of requirements": turned("python", "requirements"),
    "order of suites": lambda _, series: series["debian"]["suites"].reverse(),
    "a name in capitals": respelt("uWSGI", "UWSGI"),
    "a name with another separator": respelt("python-memcached", "Python_Memcached"),
    "spaces in a requirement": respelt("setuptools<81", "SetupTools < 81", "build"),
    "a package twice": put("debian", "packages", add="libstdc++6"),
    "description": lambda recipe, _: recipe.update(description="another"),
    "a user": lambda recipe, _: recipe["users"].update(more={"uid": 42999}),
    "a directory": lambda recipe, _: recipe["directories"].update({"/srv/more": "root"}),
    "the day": lambda _, series: series.update(released="2026-05-01"),
    "prefix": lambda _, series: series["python"].update(prefix="/opt/elsewhere"),
    "a component that is not asked for": lambda _, series: series["components"].update(nova="~=33.0"),
    "spaces in a specifier": lambda _, series: series["components"].update(keystone="~= 29.0"),
}


@settings(max_examples=60, deadline=None)
@given(
    real=st.sets(st.sampled_from(sorted(REAL)), max_size=3),
    cosmetic=st.sets(st.sampled_from(sorted(COSMETIC)), max_size=4),
)
def test_a_plan_refuses_what_changes_the_request_and_nothing_else(real: set[str], cosmetic: set[str]) -> None:
    with TemporaryDirectory() as folder:
        checkout = Checkout(Path(folder, "checkout"))
        checkout.edit(*(COSMETIC[each] for each in sorted(cosmetic)), *(REAL[each] for each in sorted(real)))
        catalogue = checkout.catalogue()
        graph = Graph(catalogue, catalogue.series(SERIES), PLATFORM)
        lock = read_lock(checkout.root / LOCK, PLATFORM)
        now = asked_of(catalogue.component("keystone").recipe, graph.series)
        assert lock.asked is not None
        told = [str(difference) for difference in differences(lock.asked, now)]
        assert real <= set(told)
        if real:
            with pytest.raises(LockError, match="was made before this was changed") as caught:
                graph.lock("keystone")
            assert caught.value.where and caught.value.where.line
            assert caught.value.where.path in (RECIPE, LINE)
        else:
            assert told == []
            graph.lock("keystone")


def test_what_is_asked_for_no_more_is_told_with_place_and_command(checkout: Checkout) -> None:
    checkout.change(RECIPE, ", uWSGI]\n  compile: [python-ldap, testresources, uWSGI]", "]\n  compile: []")
    error = checkout.refused()
    assert error.reason.splitlines()[1:] == [
        "    - python.requirements: uWSGI",
        "    - python.compile: python-ldap",
        "    - python.compile: testresources",
        "    - python.compile: uWSGI",
    ]
    assert (str(error.where), error.solution) == (f"{RECIPE}:10:17", COMMAND)


def test_what_is_new_is_told_where_it_stands(checkout: Checkout) -> None:
    checkout.change(RECIPE, "libstdc++6]", "libstdc++6, curl]")
    assert str(checkout.refused().where) == f"{RECIPE}:7:51"
    (finding,) = check_lock(checkout.catalogue(), SERIES, "keystone", PLATFORM)
    assert "the recipe needs curl" in finding


def test_another_specifier_of_the_series_is_told_in_its_file(checkout: Checkout) -> None:
    checkout.change(LINE, "~=29.0", "~=29.1")
    assert str(checkout.refused().where) == f"{LINE}:14:13"


def test_a_specifier_holds_for_what_no_recipe_names(checkout: Checkout) -> None:
    before = checkout.key()
    checkout.change(LINE, "  keystone: ~=29.0", "  keystone: ~=29.0\n  Vine: ~=5.1")
    assert checkout.key() == before
    checkout.change(LINE, "Vine: ~=5.1", "Vine: '>5.1'")
    error = checkout.refused()
    assert error.reason == "vine>5.1 excludes 5.1.0, to which keystone is locked"
    assert (str(error.where), error.solution) == (f"{LINE}:15:9", COMMAND)
    (finding,) = check_lock(checkout.catalogue(), SERIES, "keystone", PLATFORM)
    assert finding.endswith("the series constrains vine===5.1.0,>5.1, locked is 5.1.0")
    assert checkout.key(image="mariadb")


def test_a_specifier_holds_for_what_builds_need(checkout: Checkout) -> None:
    checkout.change(LINE, "  keystone: ~=29.0", "  keystone: ~=29.0\n  setuptools: '<70'")
    assert checkout.refused().reason.startswith("setuptools<70 excludes ")


def test_a_specifier_for_what_no_image_has_is_told(checkout: Checkout) -> None:
    assert idle_specifiers(checkout.catalogue(), SERIES, PLATFORM) == []
    checkout.change(LINE, "  keystone: ~=29.0", "  keystone: ~=29.0\n  keystoen: ~=29.0\n  zzz: '>1'")
    says = f"no image of {SERIES} has the distribution"
    assert idle_specifiers(checkout.catalogue(), SERIES, PLATFORM) == [
        f"{LINE}:15:13: {says} keystoen: the specifier does nothing; did you mean `keystone`?",
        f"{LINE}:16:8: {says} zzz: the specifier does nothing",
    ]
    (checkout.root / f"images/iaas/mariadb/lock/{SERIES}.json").unlink()
    assert idle_specifiers(checkout.catalogue(), SERIES, PLATFORM) == []


def test_lock_says_which_specifiers_do_nothing(
    checkout: Checkout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.change(LINE, "  keystone: ~=29.0", "  keystone: ~=29.0\n  keystoen: ~=29.0")
    common = ("--root", str(checkout.root), "--store", str(tmp_path / "store"), "--series", SERIES)
    assert main(("lock", "--check", *common)) == 0
    assert f"warning: {LINE}:15:13: no image of {SERIES} has" in capsys.readouterr().err
    assert main(("lock", "keystone", *common)) == 0
    assert "warning" not in capsys.readouterr().err
    assert main(("lock", *common)) == 0
    assert f"warning: {LINE}:15:13: no image of {SERIES} has" in capsys.readouterr().err


def test_other_suites_concern_every_lock_of_the_series(checkout: Checkout) -> None:
    checkout.change(LINE, "trixie-updates, ", "")
    error = checkout.refused(image="debian")
    assert "- series.debian.suites: trixie-updates" in error.reason
    assert error.solution == "run `scs-build lock --series 2026.1`"
    (finding,) = check_lock(checkout.catalogue(), SERIES, "debian", PLATFORM)
    assert finding == (f"{LINE}:6:11: changed after it was locked: - series.debian.suites: trixie-updates")


def test_the_first_distribution_of_an_image_is_all_that_is_new(checkout: Checkout) -> None:
    """It stands on the same Python as everything else: nothing that is locked moves for it."""
    path = checkout.root / "images/iaas/memcached/recipe.yaml"
    path.write_text(path.read_text() + "python: {requirements: [pymemcache]}\n")
    error = checkout.refused(image="memcached")
    assert error.reason.splitlines()[1:] == ["    + python.requirements: pymemcache"]
    assert error.solution == "run `scs-build lock memcached --series 2026.1`"


def test_what_a_lock_was_made_for_builds_nothing_again(checkout: Checkout) -> None:
    """So `lock` does not tell of images that only have to say anew what they were made for."""
    session = Session(root_option=checkout.root)
    before = image_keys(session)
    assert before["keystone"] == checkout.key()
    checkout.change(LINE, "~=29.0", "~=29.1")
    checkout.older(f"images/iaas/mariadb/lock/{SERIES}.json")
    checkout.refused()
    assert image_keys(Session(root_option=checkout.root)) == before


def test_groups_of_the_tools_are_asked_for_too(checkout: Checkout) -> None:
    checkout.change("images/bases/tools/recipe.yaml", "skopeo", "skopeo, jq")
    assert "+ groups.registry: jq" in checkout.refused(image="debian").reason


@pytest.mark.parametrize("number", [2, 3])
def test_a_constraint_that_excludes_a_locked_version_is_told_at_its_line(
    checkout: Checkout, number: int
) -> None:
    if number == 2:
        checkout.older()
    row = (checkout.root / LIMITS).read_text().splitlines().index("vine===5.1.0") + 1
    checkout.change(LIMITS, "vine===5.1.0", "Vine===5.2.0;python_version>='3.10'")
    error = checkout.refused()
    assert error.reason == "vine===5.2.0 excludes 5.1.0, to which keystone is locked"
    assert (str(error.where), error.solution) == (f"{LIMITS}:{row}", COMMAND)


@pytest.mark.parametrize(
    "line", ["vine===5.2.0;python_version=='3.10'", "vine<6", "vine >= 5 # why", "VINE===5.1.0", ""]
)
def test_a_constraint_that_excludes_nothing_changes_nothing(checkout: Checkout, line: str) -> None:
    before = checkout.key()
    checkout.change(LIMITS, "vine===5.1.0", line)
    assert checkout.key() == before


def test_a_constraint_that_is_none_is_told_at_its_line(checkout: Checkout) -> None:
    row = (checkout.root / LIMITS).read_text().splitlines().index("vine===5.1.0") + 1
    checkout.change(LIMITS, "vine===5.1.0", "vine=>5.1.0")
    with pytest.raises(RecipeError, match=r"`vine=>5\.1\.0` is not a requirement") as caught:
        checkout.key()
    assert str(caught.value.where) == f"{LIMITS}:{row}"


@pytest.mark.parametrize("number", [1, 2])
def test_a_lock_of_an_earlier_format_is_built_from_and_says_it_when_it_is_locked(
    checkout: Checkout, tmp_path: Path, number: int
) -> None:
    before, key = (checkout.root / LOCK).read_bytes(), checkout.key()
    checkout.older(number=number)
    assert checkout.key() == key
    assert checkout.lock(tmp_path) == ["keystone"]
    assert (checkout.root / LOCK).read_bytes() == before
    assert checkout.lock(tmp_path) == []


def test_a_lock_of_an_earlier_format_is_compared_by_names(checkout: Checkout) -> None:
    checkout.older()
    checkout.change(RECIPE, "pymemcache, ", "")
    checkout.key()
    checkout.change(RECIPE, "libstdc++6]", "libstdc++6, curl]")
    error = checkout.refused()
    assert "asks for curl, and its lock of 2026.1 does not hold it" in error.reason


def test_the_other_platform_keeps_what_it_was_locked_for(checkout: Checkout) -> None:
    lock = read_lock(checkout.root / LOCK, PLATFORM)
    write_lock(
        checkout.root / LOCK,
        replace(lock, platform=OTHER, asked={"debian.packages": ("other",)}, artefacts=()),
    )
    write_lock(checkout.root / LOCK, lock)
    assert read_lock(checkout.root / LOCK, OTHER).asked == {"debian.packages": ("other",)}
    assert read_lock(checkout.root / LOCK, PLATFORM) == lock


def layer(folder: Path) -> Path:
    (folder / "images").mkdir(parents=True)
    (folder / "layer.yaml").write_text("format: 1\nname: acme\nvendor: Acme Cloud\n")
    return folder


def test_a_recipe_of_a_layer_is_compared_and_the_command_names_the_layer(
    checkout: Checkout, tmp_path: Path
) -> None:
    acme = layer(tmp_path / "their recipes")
    shutil.copytree(checkout.root / "images/iaas/keystone", acme / "images/iaas/keystone")
    checkout.key(acme)
    path = acme / RECIPE
    path.write_text(path.read_text().replace("pymemcache, ", ""))
    error = checkout.refused(acme)
    assert error.where and error.where.path == str(path)
    assert error.solution == f"run `scs-build lock keystone --series 2026.1 --recipes '{acme}'`"
    checkout.key()


def test_a_layer_specifies_what_no_recipe_names_and_is_named(checkout: Checkout, tmp_path: Path) -> None:
    acme = layer(tmp_path / "acme")
    (acme / LINE).parent.mkdir(parents=True)
    (acme / LINE).write_text('format: 1\ncomponents: {vine: "<5.1"}\n')
    error = checkout.refused(acme)
    assert str(error.where) == f"{acme}/{LINE}:2:20"
    assert error.reason == "vine<5.1 excludes 5.1.0, to which keystone is locked"
    checkout.key()


def test_a_layer_with_another_specifier_asks_for_a_lock_of_its_own(
    checkout: Checkout, tmp_path: Path
) -> None:
    acme = layer(tmp_path / "acme")
    (acme / LINE).parent.mkdir(parents=True)
    (acme / LINE).write_text('format: 1\ncomponents: {keystone: "~=29.1"}\n')
    error = checkout.refused(acme)
    assert str(error.where) == f"{acme}/{LINE}:2:24"
    assert "+ series.components: keystone~=29.1" in error.reason


@pytest.mark.parametrize("earlier", [False, True])
def test_locking_with_a_layer_leaves_what_fits_where_it_is(
    checkout: Checkout, tmp_path: Path, earlier: bool
) -> None:
    if earlier:
        checkout.older()
    acme = layer(tmp_path / "acme")
    assert checkout.lock(tmp_path, acme) == []
    assert list(acme.rglob("*.json")) == []


@pytest.mark.parametrize(
    "command", [("plan",), ("why", "keystone"), ("build", "keystone"), ("lock", "--check")]
)
def test_every_command_refuses_it_with_the_code_of_a_lock(
    checkout: Checkout, tmp_path: Path, command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.change(RECIPE, "pymemcache, ", "")
    common = ("--root", str(checkout.root), "--store", str(tmp_path / "store"), "--series", SERIES)
    assert main((*command, *common)) == 12
    assert "scs-build lock keystone --series 2026.1" in capsys.readouterr().err


@pytest.mark.parametrize("asked", [None, [], {PLATFORM: []}, {PLATFORM: {"a": "b"}}, {PLATFORM: {"a": [1]}}])
def test_what_a_lock_was_made_for_has_one_form(checkout: Checkout, asked: object) -> None:
    document = json.loads((checkout.root / LOCK).read_text())
    (checkout.root / LOCK).write_text(json.dumps(document | {"asked": asked}))
    with pytest.raises(LockError, match="does not hold lists of texts"):
        read_lock(checkout.root / LOCK, PLATFORM)


def test_a_request_that_somebody_damaged_is_a_difference(checkout: Checkout) -> None:
    checkout.change(LOCK, '"keystone[ldap]", ', '"keystone[ldap", ')
    assert "- python.requirements: keystone[ldap\n" in f"{checkout.refused().reason}\n"


def test_what_is_compiled_in_another_series_need_not_be_locked(checkout: Checkout) -> None:
    """A recipe serves series that differ: one may need to compile what the other one has a wheel of."""
    checkout.change(RECIPE, "compile: [", "compile: [nothing-asks-for-this, ")
    lock = json.loads((checkout.root / LOCK).read_bytes())
    asked = lock["asked"][PLATFORM]["python.compile"]
    lock["asked"][PLATFORM]["python.compile"] = sorted([*asked, "nothing-asks-for-this"])
    (checkout.root / LOCK).write_text(json.dumps(lock))
    checkout.key()


def test_a_lock_that_lost_what_it_was_made_for_is_refused(checkout: Checkout) -> None:
    lock = json.loads((checkout.root / LOCK).read_bytes())
    del lock["asked"]
    (checkout.root / LOCK).write_text(json.dumps(lock))
    error = checkout.refused()
    assert "does not say what the lock for linux/amd64 was made for" in error.reason
    assert error.solution and COMMAND.removeprefix("run ") in error.solution


def test_a_platform_that_was_locked_before_locks_said_it_is_read_beside_one_that_says_it(
    checkout: Checkout,
) -> None:
    lock = read_lock(checkout.root / LOCK, PLATFORM)
    checkout.older()
    write_lock(checkout.root / LOCK, replace(lock, platform=OTHER))
    assert read_lock(checkout.root / LOCK, PLATFORM).asked is None
    assert read_lock(checkout.root / LOCK, OTHER).asked == lock.asked
    write_lock(checkout.root / LOCK, lock)
    assert json.loads((checkout.root / LOCK).read_text())["format"] == 3


@pytest.mark.parametrize("text", ["{", "[]", None])
def test_what_mends_a_lock_names_image_series_and_platform(checkout: Checkout, text: str | None) -> None:
    if text is not None:
        (checkout.root / LOCK).write_text(text)
    with pytest.raises(LockError) as caught:
        read_lock(checkout.root / LOCK, OTHER)
    more = f" --platform {OTHER}`" if text is None else "`"
    assert f"{COMMAND.removeprefix('run ').removesuffix('`')}{more}" in str(caught.value.solution)
