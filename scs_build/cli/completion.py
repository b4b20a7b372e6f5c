"""`scs-build completion`: what makes the shell complete commands, options, images and series."""

from __future__ import annotations

import click

from scs_build.cli.output import print_text

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the completion script of a shell.

    For bash: eval "$(scs-build completion bash)", once or in ~/.bashrc.
    """
    from click.shell_completion import get_completion_class

    from scs_build.cli.main import PROGRAM, app

    kind = get_completion_class(shell)
    if kind is None:  # the choices above are those of click
        raise LookupError(shell)
    completion = kind(app, {}, PROGRAM, "_SCS_BUILD_COMPLETE")
    print_text(completion.source_template % completion.source_vars())
