"""The generated pages say what the code says, and a stale page is noticed."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from scs_build.cli.reference import exit_codes_page, recipe_page, write
from scs_build.errors import FetchError, VerificationError


def test_every_exit_code_has_a_line() -> None:
    assert f"| {FetchError.exit_code} | {FetchError.meaning} | `FetchError` |" in exit_codes_page()
    assert "| 130 | interrupted" in exit_codes_page()


def test_fields_have_type_default_and_meaning() -> None:
    page = recipe_page()
    assert "| `kind` | `container` or `builder` or `scaffold` or `tools` | required |" in page
    assert "mapping of string to string" in page


def test_a_stale_page_fails_the_check_until_it_is_written(tmp_path: Path) -> None:
    def call(*args: str) -> int:
        return CliRunner().invoke(write, [str(tmp_path / "reference"), *args]).exit_code

    assert call("--check") == VerificationError.exit_code
    assert call() == 0
    assert call("--check") == 0
    (tmp_path / "reference" / "cli.md").write_text("old")
    assert call("--check") == VerificationError.exit_code
