from pathlib import Path

import pytest

from scs_build.errors import InputError
from scs_build.stack.templates import generate_secret, read_values, render


def test_a_template_sees_values_and_secrets(tmp_path: Path) -> None:
    (tmp_path / "x.conf.j2").write_text('host = {{ values["db-host"] }}\nkey = {{ secrets.key }}\n')
    assert render(tmp_path / "x.conf", {"db-host": "db"}, {"key": "k"}) == b"host = db\nkey = k\n"


def test_a_file_without_a_template_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "x.conf").write_bytes(b"{{ not a template }}\xff")
    assert render(tmp_path / "x.conf", {}, {}) == b"{{ not a template }}\xff"


@pytest.mark.parametrize(
    ("text", "line"), [("a\n{{ values.none }}\n", 2), ("a\nb\n{% if %}\n", 3), ("{{ secrets.none.x }}", 1)]
)
def test_what_is_wrong_in_a_template_is_told_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / "x.j2").write_text(text)
    with pytest.raises(InputError) as caught:
        render(tmp_path / "x", {}, {})
    assert caught.value.where is not None
    assert caught.value.where.line == line


def test_a_configuration_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        render(tmp_path / "none", {}, {})


def test_values_are_texts_numbers_and_truths(tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    path.write_text("format: 1\nvalues: {a: x, b: 2, c: true}\n")
    assert read_values(path) == {"a": "x", "b": 2, "c": True}
    path.write_text("format: 1\nvalues: {a: [x]}\n")
    with pytest.raises(InputError) as caught:
        read_values(path)
    assert caught.value.where is not None
    assert caught.value.where.line == 2


def test_secrets_differ() -> None:
    assert len({generate_secret() for _ in range(100)}) == 100
    assert len(generate_secret()) == 48
