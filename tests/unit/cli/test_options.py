"""Common options: where their values come from, and what they become."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from scs_build.cli import options
from scs_build.cli.main import app
from scs_build.cli.options import Session, find_root, session_options
from scs_build.errors import RecipeError


def session_of(*args: str, names: tuple[str, ...] = ("series", "jobs"), **env: str) -> Session:
    got: list[Session] = []

    @click.command()
    @session_options(*names)
    def command(session: Session) -> None:
        got.append(session)

    done = CliRunner(env=env).invoke(command, args, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return got[0]


def test_defaults() -> None:
    session = session_of()
    assert (session.series, session.engine, session.offline) == ("2026.1", "auto", False)
    assert session.jobs == options.own_cpus() >= 1
    assert session.platform == options.own_platform()


def test_an_option_wins_over_the_environment_and_that_over_the_default() -> None:
    assert session_of(SCS_BUILD_SERIES="2025.1").series == "2025.1"
    assert session_of("--series", "2026.1", SCS_BUILD_SERIES="2025.1").series == "2026.1"


def test_only_named_options_are_there() -> None:
    with pytest.raises(AssertionError, match="No such option"):
        session_of("--series", "2025.1", names=())


@pytest.mark.parametrize(
    "name", ["plan", "why", "affected", "build", "run", "verify", "lock", "diff", "push"]
)
def test_a_script_can_give_the_same_options_to_every_command_about_a_series(name: str) -> None:
    command = app.get_command(click.Context(app), name)
    assert command is not None
    there = {option for parameter in command.params for option in parameter.opts}
    assert {"--series", "--engine", "--offline", "-j"} <= there


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (("run", "keystone", "--engine", "docker"), "a sandbox on this machine"),
        (("shell", "keystone", "--engine", "docker"), "a sandbox on this machine"),
        (("push", "--to", "127.0.0.1:1/x", "--offline"), "talks to a registry"),
        (("pull", "--from", "127.0.0.1:1/x", "--offline"), "talks to a registry"),
    ],
)
def test_an_option_that_a_command_cannot_follow_is_refused(call: tuple[str, ...], reason: str) -> None:
    done = CliRunner().invoke(app, list(call))
    assert done.exit_code == 2 and reason in done.output


def test_every_option_names_its_variable_in_the_help() -> None:
    @click.command()
    @session_options("series", "platform", "engine", "offline", "jobs")
    def command(session: Session) -> None:
        """Do nothing."""

    text = CliRunner().invoke(command, ["--help"]).output
    assert " ".join(text.split()).count("env var: SCS_BUILD_") == 12


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "one" / "images" / "series").mkdir(parents=True)
    (tmp_path / "one" / "deep" / "down").mkdir(parents=True)
    return tmp_path / "one"


def test_the_root_is_the_nearest_folder_upwards(checkout: Path) -> None:
    assert find_root(checkout / "deep" / "down") == checkout
    assert find_root(checkout) == checkout


def test_without_a_checkout_here_the_installed_one_is_taken(tmp_path: Path) -> None:
    assert (find_root(tmp_path) / "scs_build" / "cli" / "options.py").exists()


def test_without_any_checkout_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "__file__", str(tmp_path / "lib" / "scs_build" / "cli" / "options.py"))
    with pytest.raises(RecipeError) as caught:
        find_root(tmp_path)
    assert "--root" in (caught.value.solution or "")


def test_the_shell_is_offered_images_and_series(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("iaas/keystone/recipe.yaml", "iaas/glance/recipe.yaml", "series/2026.1/series.yaml"):
        (checkout / "images" / name).parent.mkdir(parents=True)
        (checkout / "images" / name).touch()
    monkeypatch.chdir(checkout)
    context = click.Context(click.Command("build"))
    parameter = click.Argument(["images"])

    def offered(
        complete: Callable[..., list[click.shell_completion.CompletionItem]], start: str
    ) -> list[str]:
        return [item.value for item in complete(context, parameter, start)]

    assert offered(options.complete_image, "key") == ["keystone"]
    assert offered(options.complete_series, "") == ["2026.1"]
