from pathlib import Path

import pytest

from scs_build.errors import InputError
from scs_build.stack.render import images_of, render_stack
from tests.unit.stack.compose_text import VALID


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "stack"
    (folder / "config").mkdir(parents=True)
    (folder / "compose.yaml").write_text(VALID)
    (folder / "values.yaml").write_text("format: 1\nvalues: {x: 1}\n")
    (folder / "config/store.conf.j2").write_text("password={{ secrets.password }} {{ values.x }}")
    return folder / "compose.yaml"


def test_what_the_compose_file_names_lies_beside_it(source: Path, tmp_path: Path) -> None:
    into = tmp_path / "new/folder"
    files = render_stack(source, "2026.1", into)
    assert sorted(files) == [".env", "compose.yaml", "config/store.conf", "secrets/password"]
    secret = (into / "secrets/password").read_text()
    assert (into / "compose.yaml").read_text() == VALID
    assert (into / ".env").read_text().splitlines() == [f"PASSWORD={secret}", "SERIES=2026.1"]
    assert (into / "config/store.conf").read_text() == f"password={secret} 1"
    assert sorted(path.name for path in into.parent.iterdir()) == ["folder"]


def test_others_cannot_look_inside_and_services_can(source: Path, tmp_path: Path) -> None:
    render_stack(source, "2026.1", tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    for name in ("secrets/password", "config/store.conf"):
        assert (tmp_path / "new" / name).stat().st_mode & 0o777 == 0o644


def test_secrets_are_new_each_time(source: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        render_stack(source, "2026.1", tmp_path / name)
    assert (tmp_path / "one/.env").read_text() != (tmp_path / "two/.env").read_text()


def test_what_is_there_stays_as_it_is(source: Path, tmp_path: Path) -> None:
    into = tmp_path / "there"
    into.mkdir()
    render_stack(source, "2026.1", into)  # an empty folder is as good as none
    before = (into / ".env").read_text()
    with pytest.raises(InputError, match="something already"):
        render_stack(source, "2026.1", into)
    assert (into / ".env").read_text() == before


def test_a_template_that_is_wrong_leaves_nothing(source: Path, tmp_path: Path) -> None:
    (source.parent / "config/store.conf.j2").write_text("{{ values.none }}")
    with pytest.raises(InputError, match="cannot be rendered"):
        render_stack(source, "2026.1", tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stack"]


def test_each_image_is_named_once(source: Path) -> None:
    assert images_of(source) == ("store", "web")
