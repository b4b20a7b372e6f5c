"""Sdists are read while locking and never run: hostile ones from a real index try to touch a file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin

from scs_build.errors import ResolutionError
from tests.integration.locks.conftest import MakeLocker, request, versions
from tests.integration.locks.index import Index, metadata

REQUIRES = "pbr>=1.8\n\n[test]\ntools\n\n[:python_version<'3.9']\nold\n"


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "touched-by-a-stranger"


def test_this_sdist_is_hostile(index: Index, mark: Path, tmp_path: Path) -> None:
    """Without this, the tests below would pass with an sdist that does no harm."""
    index.hostile("evil", "1.0", mark)
    inputs = tmp_path / "requirements.in"
    inputs.write_text("evil\n")
    options = ["-q", "--python", sys.executable, "--default-index", index.url]
    subprocess.run(
        [find_uv_bin(), "pip", "compile", *options, inputs],
        env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"}, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert mark.exists()


def test_it_does_not_run_when_it_is_asked_for(index: Index, mark: Path, make_locker: MakeLocker) -> None:
    index.hostile("evil", "1.0", mark)
    with pytest.raises(ResolutionError, match="evil"):
        make_locker(index.url).lock(request("evil"))
    assert not mark.exists()


def test_it_does_not_run_while_the_resolver_searches(
    index: Index, mark: Path, make_locker: MakeLocker
) -> None:
    """Newer versions of a dependency are hostile sdists, an older one is a wheel."""
    index.wheel("service", "2.1", "library")
    index.wheel("library", "1.0")
    for version in ("1.1", "2.0"):
        index.hostile("library", version, mark)
    lines = make_locker(index.url).lock(request("service"))
    assert versions(lines) == {"wheel:library": "1.0", "wheel:service": "2.1"}
    assert not mark.exists()


def test_it_does_not_run_when_a_wheel_names_its_place(
    index: Index, mark: Path, make_locker: MakeLocker
) -> None:
    index.hostile("evil", "1.0", mark)
    address = f"http://127.0.0.1:{index.server_port}/files/evil-1.0.tar.gz"
    index.wheel("service", "2.1", f"evil @ {address}")
    with pytest.raises(ResolutionError, match="evil"):
        make_locker(index.url).lock(request("service"))
    assert not mark.exists()


def test_it_does_not_run_when_the_recipe_compiles_it(
    index: Index, mark: Path, make_locker: MakeLocker
) -> None:
    index.hostile("evil", "1.0", mark)
    with pytest.raises(ResolutionError, match="does not say what it is"):
        make_locker(index.url).lock(request("evil", compile=("evil",)))
    assert not mark.exists()


def test_neither_does_any_other_version_of_what_is_compiled(
    index: Index, mark: Path, make_locker: MakeLocker
) -> None:
    """The newest says statically what it requires; older ones, which uv might look at, are hostile."""
    index.hostile("evil", "0.9", mark)
    index.sdist(
        "evil", "1.0", {"PKG-INFO": metadata("evil", "1.0", "library"), "setup.py": "raise SystemExit(9)"}
    )
    index.wheel("library", "1.0", "evil<1")
    with pytest.raises(ResolutionError, match="evil"):
        make_locker(index.url).lock(request("evil", compile=("evil",)))
    assert not mark.exists()


def test_a_version_that_is_too_new_for_others_is_told(index: Index, make_locker: MakeLocker) -> None:
    index.wheel("service", "2.1", "source<2")
    for version in ("1.0", "2.0"):
        index.sdist("source", version)
    with pytest.raises(ResolutionError) as error:
        make_locker(index.url).lock(request("service", compile=("source",)))
    assert "(source 2.0): constrain it" in str(error.value.solution)
    lines = make_locker(index.url).lock(request("service", "source<2", compile=("source",)))
    assert versions(lines) == {"sdist:source": "1.0", "wheel:service": "2.1"}


@pytest.mark.parametrize(
    ("files", "requires"),
    [
        ({"PKG-INFO": metadata("source", "1.0", "pbr", 'tools; extra == "test"')}, ["pbr"]),
        ({"PKG-INFO": "Metadata-Version: 1.1\nName: source\nVersion: 1.0\n",
          "source.egg-info/requires.txt": REQUIRES}, ["pbr>=1.8"]),
        ({"PKG-INFO": "Metadata-Version: 1.1\nName: source\nVersion: 1.0\n",
          "Lib/source.egg-info/requires.txt": REQUIRES,
          "tests/data/x/other.egg-info/requires.txt": "nothing-of-ours\n"}, ["pbr>=1.8"]),
        ({"PKG-INFO": "Metadata-Version: 1.0\nName: source\nVersion: 1.0\n"}, []),
    ],
    ids=["PKG-INFO", "requires.txt", "nearest", "none"],
)  # fmt: skip
def test_an_sdist_says_what_it_requires(
    index: Index, make_locker: MakeLocker, files: dict[str, str], requires: list[str]
) -> None:
    index.sdist("source", "1.0", {**files, "setup.py": "raise SystemExit(9)"})
    index.wheel("pbr", "7.0")
    lines = make_locker(index.url).lock(request("source", compile=("source",)))
    assert {line.name: line.data["requires"] for line in lines}["source"] == requires
    assert len(lines) == 1 + len(requires)


def test_the_newest_sdist_that_fits_is_taken_and_a_locked_one_stays(
    index: Index, make_locker: MakeLocker
) -> None:
    for version in ("1.0", "1.1", "1.2", "2.0", "3.0rc1"):
        index.sdist("source", version)
    index.extra["source-1.2.tar.gz"] = {"yanked": "broken"}
    index.extra["source-2.0.tar.gz"] = {"requires-python": ">=3.14"}
    locker = make_locker(index.url)
    lines = tuple(locker.lock(request("source", compile=("source",))))
    assert versions(list(lines)) == {"sdist:source": "1.1"}
    index.sdist("source", "1.9")
    assert tuple(locker.lock(request("source", compile=("source",), locked=lines))) == lines
    assert versions(locker.lock(request("source", compile=("source",), locked=lines, upgrade=True))) == {
        "sdist:source": "1.9"
    }
    assert versions(make_locker(index.url, constraints="source===1.2\n").lock(
        request("source", compile=("source",), locked=lines))) == {"sdist:source": "1.2"}  # fmt: skip


def test_no_sdist_that_fits_is_an_error(index: Index, make_locker: MakeLocker) -> None:
    index.sdist("source", "1.0")
    with pytest.raises(ResolutionError, match="no sdist of source fits >=2"):
        make_locker(index.url).lock(request("source>=2", compile=("source",)))


def test_an_sdist_that_says_it_is_another_is_refused(index: Index, make_locker: MakeLocker) -> None:
    index.sdist("source", "1.0", {"PKG-INFO": metadata("other", "1.0")})
    with pytest.raises(ResolutionError, match="says that it is other"):
        make_locker(index.url).lock(request("source", compile=("source",)))


def test_an_sdist_may_be_a_zip_and_a_tar_goes_before_it(index: Index, make_locker: MakeLocker) -> None:
    index.zipped_sdist("old", "1.0")
    index.zipped_sdist("both", "1.0")
    index.sdist("both", "1.0")
    lines = make_locker(index.url).lock(request("old", "both", compile=("old", "both")))
    assert {line.data["file"] for line in lines} == {"old-1.0.zip", "both-1.0.tar.gz"}
