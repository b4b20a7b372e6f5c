import base64
import json
import shutil
from pathlib import Path

import pytest

from scs_build.errors import RecipeError
from scs_build.inputs.deb.keys import archive_key, fingerprint

KEYS = Path(__file__).parents[3] / "images" / "series" / "keys"


@pytest.mark.parametrize("archive", ["debian", "security"])
def test_the_keys_of_the_repository_are_the_pinned_ones(archive: str) -> None:
    assert archive_key(KEYS, "trixie", archive).is_file()


def test_another_key_than_the_pinned_is_refused(tmp_path: Path) -> None:
    shutil.copytree(KEYS, tmp_path, dirs_exist_ok=True)
    table = json.loads((tmp_path / "keys.json").read_text())
    files = [key["file"] for key in table["keys"]]
    shutil.copy(KEYS / files[1], tmp_path / files[0])
    with pytest.raises(RecipeError, match="pinned is 04B54C3C"):
        archive_key(tmp_path, "trixie", "debian")


BEGIN, END = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n", "\n-----END"
LONG = base64.b64encode(b"\x9a" + (70_000).to_bytes(4) + b"\x04" * 70_000).decode()


@pytest.mark.parametrize(
    "text", ["", "hello", f"{BEGIN}%%%{END}", f"{BEGIN}{LONG}{END}", f"{BEGIN}BAQ={END}"]
)
def test_what_is_no_key_is_a_clear_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "key.asc").write_text(text)
    with pytest.raises(RecipeError, match="not an armoured OpenPGP key"):
        fingerprint(tmp_path / "key.asc")


def test_a_release_without_a_key_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no key for the archive debian of forky"):
        archive_key(KEYS, "forky", "debian")
