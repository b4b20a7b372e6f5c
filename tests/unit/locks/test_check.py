"""What `lock --check` says about committed locks that somebody edited by hand: a sentence, file and line."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from scs_build.errors import Location, LockError
from scs_build.inputs.artefact import Artefact
from scs_build.inputs.locking import Context
from scs_build.inputs.python.locker import PythonLocker
from scs_build.locks.check import check_lock
from scs_build.locks.files import lock_path, read_lock
from scs_build.locks.requests import request_for
from scs_build.progress import Silent
from scs_build.recipes.catalogue import Catalogue
from scs_build.recipes.site import Site

ROOT = Path(__file__).parents[3]
SERIES, PLATFORM = "2026.1", "linux/amd64"
LOCK = f"images/iaas/keystone/lock/{SERIES}.json"


class Checkout:
    """A copy of the recipes whose lock of keystone can be edited."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(ROOT / "images", root / "images")
        self.path = root / LOCK

    def row(self, name: str, role: str = "image") -> int:
        """Return the index of the line of a distribution."""
        rows = self.path.read_text().splitlines()
        return next(n for n, row in enumerate(rows) if f'"name": "{name}", "version"' in row and role in row)

    def edit(self, name: str, change: Callable[[str], str]) -> int:
        """Change the line of a distribution; return its number."""
        rows, number = self.path.read_text().splitlines(keepends=True), self.row(name)
        rows[number] = change(rows[number])
        self.path.write_text("".join(rows))
        return number + 1

    def findings(self, name: str = "keystone") -> list[str]:
        return check_lock(Catalogue.load(self.root), SERIES, name, PLATFORM)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.parametrize("series", ["2025.1", "2026.1"])
def test_the_committed_locks_are_closed(series: str) -> None:
    catalogue = Catalogue.load(ROOT)
    for name in catalogue.components:
        assert check_lock(catalogue, series, name, PLATFORM) == []


def test_what_is_missing_is_named_where_it_is_required(checkout: Checkout) -> None:
    checkout.edit("iso8601", lambda row: "")
    oslo = checkout.row("oslo-utils") + 1
    assert f"{LOCK}:{oslo}: oslo-utils 10.0.1 requires iso8601>=0.1.11, which is not in the lock" in (
        checkout.findings()
    )


def test_every_line_is_missed_when_it_is_gone() -> None:
    """Nothing superfluous is in a lock: each line is needed by another or by the recipe."""
    catalogue = Catalogue.load(ROOT)
    request = request_for(catalogue, "keystone", lambda name: lines_of(catalogue, name))
    context = Context(
        catalogue.series(SERIES), catalogue.series_folder(SERIES), PLATFORM, Site(), Path(), Silent()
    )
    locker = PythonLocker(context)
    own = [line for line in request.locked if line.kind in locker.kinds]
    assert len(own) > 100
    for line in own:
        rest = tuple(other for other in request.locked if other is not line)
        assert locker.check(replace(request, locked=rest)), f"{line.name} is not missed"


def lines_of(catalogue: Catalogue, name: str) -> tuple[Artefact, ...]:
    return read_lock(lock_path(catalogue.component(name).folder, SERIES), PLATFORM).artefacts


def test_another_version_is_named_with_what_it_breaks(checkout: Checkout) -> None:
    number = checkout.edit("vine", lambda row: row.replace("5.1.0", "6.0.0"))
    kombu = checkout.row("kombu") + 1
    assert checkout.findings() == [
        f"{LOCK}:{checkout.row('amqp') + 1}: amqp 5.3.1 requires vine<6.0.0,>=5.0.0, locked is 6.0.0",
        f"{LOCK}:{kombu}: kombu 5.6.2 requires vine==5.1.0, locked is 6.0.0",
        f"{LOCK}:{number}: the series constrains vine===5.1.0, locked is 6.0.0",
    ]  # fmt: skip


def test_the_specifier_of_the_series_holds_for_the_root(checkout: Checkout) -> None:
    number = checkout.edit("keystone", lambda row: row.replace("29.1.0", "28.0.0"))
    assert f"{LOCK}:{number}: the recipe requires keystone[ldap]~=29.0, locked is 28.0.0" in (
        checkout.findings()
    )


Edit = Callable[[str], str]


def swap(old: str, new: str) -> Edit:
    return lambda row: row.replace(old, new)


def without_requires(row: str) -> str:
    return re.sub(r', "requires": \[[^]]*\]', "", row)


def twice(old: str = "", new: str = "") -> Edit:
    return lambda row: row + (row.replace(old, new) if old else row)


@pytest.mark.parametrize(
    ("name", "change", "sentence", "below"),
    [
        ("alembic", twice("alembic", "alembic-more"), "alembic-more is locked and nothing needs it", 1),
        ("alembic", twice(), "alembic is locked twice", 1),
        (
            "alembic",
            swap("alembic-1.18.4-py", "mako-1.18.4-py"),
            "mako-1.18.4-py3-none-any.whl, the file of",
            0,
        ),
        ("alembic", swap("none-any.whl", "none-win_amd64.whl"), "does not fit the interpreter", 0),
        ("alembic", swap('"mako"', '"no requirement!"'), "is not a requirement", 0),
        ("alembic", swap('"mako"', "\"mako; python_version > '3'\""), "has a marker", 0),
        ("alembic", swap('"wheel"', '"sdist"'), "is not the name of a sdist", 0),
        ("alembic", without_requires, "does not say what it requires", 0),
        ("keystone", swap('"extras": ["ldap"], ', ""), "locked without [ldap]", 0),
        ("keystone", swap('["ldap"]', '["ldap", "memcache"]'), "locked with [memcache]", 0),
        ("keystone", swap("[ldap]~=29.0", ""), "another requirement than keystone[ldap]~=29.0", 0),
        ("uwsgi", swap('"sdist"', '"wheel"'), "locked as wheel, against python.compile", 0),
    ],
)
def test_an_edit_gets_a_sentence_at_its_line(
    checkout: Checkout, name: str, change: Edit, sentence: str, below: int
) -> None:
    number = checkout.edit(name, change)
    found = [text for text in checkout.findings() if sentence in text]
    assert found, checkout.findings()
    assert found[0].startswith(f"{LOCK}:{number + below}: ")


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("alembic", swap('"file": ', '"files": '), "alembic: the field `file` is missing"),
        ("alembic", swap('"wheel"', '"whale"'), "there is no kind of input `whale`"),
        ("libldap2", swap('"architecture": "amd64", ', ""), "the field `architecture` is missing"),
        (
            "libldap2",
            swap('"depends": "', '"depends": ["x"], "needs": "'),
            "the field `depends` has a value of",
        ),
        ("keystone", swap('["ldap"]', '"ldap"'), "the field `extras` has a value of another type"),
    ],
)
def test_a_line_that_lacks_a_field_is_an_error_at_its_line(
    checkout: Checkout, name: str, change: Edit, sentence: str
) -> None:
    number = checkout.edit(name, change)
    with pytest.raises(LockError, match=sentence) as error:
        checkout.findings()
    assert error.value.where == Location(str(checkout.path), number)


def test_debian_lines_are_named_too(checkout: Checkout) -> None:
    number = checkout.edit(
        "libldap2", lambda row: row.replace('"depends": "', '"depends": "nothing-like-it, ')
    )
    assert f"{LOCK}:{number}: libldap2 needs nothing-like-it" in checkout.findings()


def test_a_lock_that_was_laid_out_anew_still_gets_sentences(checkout: Checkout) -> None:
    checkout.edit("iso8601", lambda row: "")
    checkout.path.write_text(json.dumps(json.loads(checkout.path.read_text()), indent=4))
    rows = checkout.path.read_text().splitlines()
    number = next(n for n, row in enumerate(rows) if '"name": "oslo-utils"' in row) - 1
    assert f"{LOCK}:{number}: oslo-utils 10.0.1 requires iso8601>=0.1.11, which is not in the lock" in (
        checkout.findings()
    )


def test_a_lock_of_the_first_format_is_read_and_told_to_be_locked_again(checkout: Checkout) -> None:
    document = json.loads(checkout.path.read_text())
    for line in document["platforms"][PLATFORM]:
        line.pop("requires", None)
        line.pop("extras", None)
    checkout.path.write_text(json.dumps(document | {"format": 1}))
    image, build = checkout.findings()
    assert "python-ldap 3.4.5 does not say what it requires (nor do 105 more)" in image
    assert "of an older format; locking again keeps every version" in build
