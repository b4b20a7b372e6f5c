"""Every end of a command has its words and its exit code."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from scs_build.cli import commands
from scs_build.cli.main import app
from scs_build.errors import DiskFullError, Location, RecipeError
from scs_build.interrupts import Interrupted
from tests.unit.cli.conftest import Said

Call = Callable[..., Said]

COSTLY = ("pydantic", "requests", "rich", "jinja2", "debian", "openstack", "sh", "yaml")


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[BaseException], None]]:
    """Make the command `schema` raise what the test wants."""

    def set_error(error: BaseException) -> None:
        @click.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
        def command() -> None:
            raise error

        monkeypatch.setattr("scs_build.cli.schema.command", command)

    yield set_error


def in_child(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("args", [["--help"], ["--version"], [], ["nonsense"]])
def test_what_runs_no_command_imports_nothing_costly(args: list[str]) -> None:
    code = (
        "import sys, contextlib, io\n"
        "from scs_build.cli.main import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):\n"
        "    try: main(sys.argv[1:])\n"
        "    except SystemExit: pass\n"
        f"print([name for name in {COSTLY} if name in sys.modules])"
    ).replace("sys.argv[1:]", repr(args))
    assert in_child(code).strip() == "[]"


def test_every_command_has_the_help_that_the_table_says() -> None:
    context = click.Context(app)
    for name in app.list_commands(context):
        command = app.get_command(context, name)
        assert command is not None and command.help
        assert command.help.splitlines()[0] == commands.COMMANDS[name].help, name


def test_help_goes_to_stdout_and_is_no_failure(call: Call) -> None:
    said = call("--help")
    assert (said.status, said.stderr) == (0, "")
    assert "doctor" in said.stdout


def test_a_command_that_does_not_exist_gets_near_misses(call: Call) -> None:
    said = call("docter")
    assert said.status == 2
    assert said.stdout == ""
    assert "Did you mean doctor?" in said.stderr


def test_an_option_that_does_not_exist_is_a_usage_error(call: Call) -> None:
    said = call("store", "path", "--nonsense")
    assert said.status == 2
    assert "--nonsense" in said.stderr


def test_an_expected_error_says_place_reason_and_hint(call: Call, failing: Callable[..., None]) -> None:
    failing(RecipeError("no such user", where=Location("recipe.yaml", 3, 7), solution="declare it"))
    said = call("schema")
    assert said.status == RecipeError.exit_code
    assert said.stdout == ""
    assert said.stderr == "error: recipe.yaml:3:7: no such user\n\nhint: declare it\n"


def test_json_gets_the_error_on_stdout_too(call: Call, failing: Callable[..., None]) -> None:
    failing(RecipeError("no such user", where=Location("recipe.yaml", 3)))
    said = call("schema", "--json")
    assert json.loads(said.stdout) == {
        "error": "RecipeError",
        "exit_code": 11,
        "reason": "no such user",
        "where": "recipe.yaml:3",
        "solution": None,
    }
    assert said.stderr == "error: recipe.yaml:3: no such user\n"


def test_json_after_the_double_dash_is_for_somebody_else(call: Call, failing: Callable[..., None]) -> None:
    failing(RecipeError("no such user"))
    assert call("schema", "--", "--json").stdout == ""


@pytest.mark.parametrize(
    ("end", "status", "word"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (Interrupted(signal.SIGINT), 130, "interrupted"),
        (Interrupted(signal.SIGTERM), 143, "terminated"),
        (Interrupted(signal.SIGHUP), 129, "hung up"),
    ],
)
def test_an_interruption_says_in_one_line_that_nothing_is_lost(
    call: Call, failing: Callable[..., None], end: KeyboardInterrupt, status: int, word: str
) -> None:
    failing(end)
    said = call("schema")
    assert said.status == status
    assert said.stderr == f"\n{word}; run again to continue: what is finished is kept\n"


def test_a_full_disk_is_no_malfunction(call: Call, failing: Callable[..., None]) -> None:
    failing(OSError(errno.ENOSPC, "No space left on device", "big"))
    said = call("schema")
    assert said.status == DiskFullError.exit_code
    assert said.stderr.startswith("error: big: No space left on device\n\nhint: ")


def test_a_malfunction_keeps_its_traceback_and_says_how_to_report(
    call: Call, failing: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failing(ZeroDivisionError("oh"))
    said = call("schema")
    assert said.status == 70
    (report,) = tmp_path.glob("scs-build-*.log")
    assert str(report) in said.stderr
    assert "Traceback" not in said.stderr
    text = report.read_text()
    assert "Traceback" in text and "command: scs-build schema" in text


def test_a_reader_that_goes_away_is_no_error() -> None:
    code = "import sys; from scs_build.cli.main import main; sys.exit(main(['--help']))"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout and child.stderr
    child.stdout.close()
    with child.stderr:
        stderr = child.stderr.read()
    assert (child.wait(), stderr) == (141, b"")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_the_program(call: Call, shell: str) -> None:
    said = call("completion", shell)
    assert said.status == 0
    assert "_SCS_BUILD_COMPLETE" in said.stdout and "scs-build" in said.stdout


def test_a_locale_that_is_not_utf_8_changes_nothing(tmp_path: Path) -> None:
    """Of two locales one has no name for what it writes: the interpreter starts again with UTF-8."""
    argv = [sys.executable, "-m", "scs_build", "store", "path", "--store", str(tmp_path / "größe")]
    legacy = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SCS_BUILD")}
    done = subprocess.run(argv, env=environment | legacy, capture_output=True, check=True)
    assert done.stdout.decode() == f"{tmp_path / 'größe'}\n"


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_full_standard_output_is_an_error_without_a_traceback(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    argv = [sys.executable, "-m", "scs_build", "plan", "--store", tmp_path / "store", *options]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == DiskFullError.exit_code
    assert "Traceback" not in done.stderr and "No space left" in done.stderr
