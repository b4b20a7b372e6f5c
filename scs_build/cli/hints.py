"""Commands that an error suggests, with the options of the call that failed: what works as it is pasted."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

import click

from scs_build.cli.commands import LazyGroup

# Options that say which recipes, locks, store and place are meant; the others are about one call.
REPEATED = (
    "--root", "--recipes", "--lock-overlay", "--site", "--store", "--series", "--platform", "--output",
)  # fmt: skip
SHORT = {"-o": "--output"}
# A command in backticks, or after `run: ` to the end of the line.
COMMAND = re.compile(r"(?<=`)scs-build [^`\n]+(?=`)|(?<=run: )scs-build [^\n;]+")


def repeated(text: str | None, args: Sequence[str]) -> str | None:
    """Return a hint whose commands repeat what options the call with `args` was given and they take."""
    given = list(_given(args[: args.index("--")] if "--" in args else args))
    if text is None or not given:
        return text
    own = _options_of(args)
    return COMMAND.sub(lambda found: _completed(found[0], given, own), text)


def call_args() -> Sequence[str]:
    """Return the arguments of the call that runs, none outside of one."""
    context = click.get_current_context(silent=True)
    return (context.find_root().obj or ()) if context else ()


def _given(args: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the options to be repeated with their values, in their order."""
    rest = iter(args)
    for word in rest:
        name, equals, value = word.partition("=")
        name = SHORT.get(name, name)
        if name in REPEATED and (value := value if equals else next(rest, "")):
            yield name, value
        elif word.startswith("-o") and len(word) > len("-o"):
            yield "--output", word.removeprefix("-o")


def _completed(command: str, given: Sequence[tuple[str, str]], own: Mapping[str, str | None]) -> str:
    words, dashes, rest = command.partition(" -- ")
    said = words.split()
    # An option of the same name may take something else: the file of a bill is no folder of images.
    known = {name for name, value in _options_of(said[1:]).items() if value == own.get(name, value)} - {*said}
    added = "".join(f" {name} {shlex.quote(value)}" for name, value in given if name in known)
    return f"{words}{added}{dashes}{rest}"


def _options_of(words: Sequence[str]) -> dict[str, str | None]:
    """Return the options that a command takes, and what each is given; none for what is no command."""
    command: click.Command | None = LazyGroup("scs-build")
    for word in words:
        if not isinstance(command, click.Group):
            break
        command = command.get_command(click.Context(command), word)
    parameters = command.params if command else ()
    return {name: parameter.metavar for parameter in parameters for name in parameter.opts}
