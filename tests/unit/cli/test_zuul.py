"""`scs-build zuul`: a stale file is noticed, and what is missing is said."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from scs_build.errors import ProgramError, VerificationError
from scs_build.zuul.generate import PATH
from tests.unit.cli.conftest import Said
from tests.unit.plan.conftest import World

Call = Callable[..., Said]
ROOT = Path(__file__).resolve().parents[3]


def test_our_own_file_is_up_to_date(call: Call) -> None:
    assert call("zuul", "generate", "--check", "--root", str(ROOT)).status == 0


def test_a_stale_file_fails_the_check_until_it_is_written(tmp_path: Path, call: Call) -> None:
    world = World(tmp_path / "checkout")
    root = ("--root", str(world.root))
    said = call("zuul", "generate", "--check", *root)
    assert said.status == VerificationError.exit_code
    assert "hint: scs-build zuul generate" in said.stderr
    assert not (world.root / PATH).exists()
    assert call("zuul", "generate", *root).status == 0
    assert call("zuul", "generate", "--check", *root).status == 0
    world.write("iaas/new/recipe.yaml", "format: 1\nkind: container\ndescription: new\nparent: base\n")
    assert call("zuul", "generate", "--check", *root).status == VerificationError.exit_code


def test_validate_without_zuul_says_how_to_get_it(call: Call) -> None:
    assert find_spec("zuul") is None
    said = call("zuul", "validate", "--root", str(ROOT))
    assert said.status == ProgramError.exit_code
    assert "make setup-zuul" in said.stderr
