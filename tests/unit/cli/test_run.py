from pathlib import Path

import click
import pytest

from scs_build.cli.run import read_user, read_variable, read_volume


def test_volumes(tmp_path: Path) -> None:
    assert read_volume(f"{tmp_path}:/data") == ("/data", (tmp_path, False))
    assert read_volume(f"{tmp_path}:/data:ro") == ("/data", (tmp_path, True))


@pytest.mark.parametrize(
    "text", ["", "/tmp", "/tmp:", "/tmp:data", "/tmp:/", ":/data", "/tmp:/data:rw", "/none/such:/a"]
)
def test_what_is_no_volume(text: str) -> None:
    with pytest.raises(click.BadParameter):
        read_volume(text)


def test_variables() -> None:
    assert read_variable("A=b=c") == ("A", "b=c")
    for text in ("", "A", "=b"):
        with pytest.raises(click.BadParameter):
            read_variable(text)


def test_users_are_numbers_and_never_root() -> None:
    assert read_user(None) is None
    assert read_user("5") == (5, 5)
    assert read_user("5:6") == (5, 6)
    for text in ("", "0", "0:5", "root", "5:x", "-1"):
        with pytest.raises(click.BadParameter):
            read_user(text)
