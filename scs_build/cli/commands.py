"""The table of commands. A module is imported only when its command runs or its own help is asked for.

To add a command: write `scs_build/cli/<module>.py` with a click command (or group) named `command`,
whose docstring starts with the sentence below, and add its line here, in the order of a day's work.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

import click


class Entry(NamedTuple):
    """One line of the table: the module in this package, and the sentence of `scs-build --help`."""

    module: str
    help: str


COMMANDS: dict[str, Entry] = {
    "quickstart": Entry(
        "quickstart", "Build the images, start keystone from them and use it: all of it at work."
    ),
    "lock": Entry("lock", "Resolve the versions of images and write their lock files."),
    "plan": Entry("plan", "Show what a build would do, and why, without doing it."),
    "build": Entry("build", "Build images from their locks."),
    "check": Entry("check", "Check images against the contracts of this project, and write the evidence."),
    "why": Entry("why", "Say why IMAGE would be built again, or of what it stands."),
    "affected": Entry("affected", "List the images that a change of files affects."),
    "explain": Entry("explain", "Say who brought a path of an image, from what, and why."),
    "diff": Entry("diff", "Compare two images: packages, licences, settings, files, sizes."),
    "sbom": Entry("sbom", "Print the bill of materials of IMAGE."),
    "licences": Entry("licences", "List the licences of images, and what is wrong with them."),
    "run": Entry("run", "Run a command or a service of a built image."),
    "shell": Entry("shell", "Look around where the last step of an image failed, or where it was installed."),
    "manifest": Entry("manifest", "Write the manifest of all images of a series and print it."),
    "verify": Entry("verify", "Check that images are what a manifest says."),
    "push": Entry("push", "Put images into a registry, by digest."),
    "pull": Entry("pull", "Fetch the images of a manifest from a registry, by digest."),
    "load": Entry("load", "Put images into the Docker daemon."),
    "prove": Entry("prove", "Start the stack and use it as a client would."),
    "render": Entry("render", "Write a stack for the ordinary Compose tool."),
    "zuul": Entry("zuul", "Look after the jobs of Zuul, and build inside them."),
    "schema": Entry("schema", "Print the JSON schema of a file that people write."),
    "store": Entry("store", "Look after the store of fetched and built content."),
    "doctor": Entry("doctor", "Check whether this machine can build, and say how to mend what it cannot."),
    "completion": Entry("completion", "Print the completion script of a shell."),
}


class LazyGroup(click.Group):
    """A group that lists its commands from the table and imports one only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands of this installation in the order of the table."""
        return [name for name, entry in COMMANDS.items() if find_spec(f"{__package__}.{entry.module}")]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None when there is no such command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"{__package__}.{COMMANDS[cmd_name].module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].help) for name in self.list_commands(ctx)])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` name; a name that does not exist gets its near misses."""
        from difflib import get_close_matches

        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            near = get_close_matches(args[0], self.list_commands(ctx), n=2)
            meant = f" Did you mean {' or '.join(near)}?" if near else ""
            ctx.fail(f"No such command '{args[0]}'.{meant}")
        return super().resolve_command(ctx, args)
