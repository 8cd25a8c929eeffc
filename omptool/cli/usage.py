"""Turns typer's usage errors into omptool's voice, with the nearest command or option."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any

from typer.exceptions import TyperException


def explain(error: TyperException, arguments: Sequence[str] = ()) -> tuple[str, str]:
    """Message and hint for a mistyped command line; `arguments` name the command where the error does not."""
    ctx: Any = getattr(error, "ctx", None)
    path = ctx.command_path if ctx is not None else _command(arguments)
    help_line = f"see: {path} --help"
    message = error.format_message().split(" Did you mean")[0].rstrip(".")
    if unknown := re.match(r"No such command '(.*)'$", message):
        return f'no command "{unknown[1]}"', _nearest(unknown[1], ctx.command.list_commands(ctx)) + help_line
    if extra := re.match(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)$", message):
        return f"too many arguments: {extra[1]}", help_line
    option = getattr(error, "option_name", None)
    if option and message.startswith("No such option"):
        known = [name for parameter in ctx.command.get_params(ctx) for name in parameter.opts if name.startswith("--")]
        message = message.split(" (Possible")[0]
        return f"no option {option} in {path}", _nearest(option, known) + help_line
    first, *rest = message.splitlines() or [""]
    if rest:  # "Missing argument 'X'. Choose from:\n\ta,\n\tb"
        first = " ".join([first, *(line.strip() for line in rest)])
    first = first.replace("Value error, ", "").replace("Input should", "should").rstrip(".")
    return first[:1].lower() + first[1:], help_line


def _command(arguments: Sequence[str]) -> str:
    """The words in front of the first option that are commands."""
    from omptool.cli.commands import COMMANDS, load

    if not arguments or arguments[0] not in COMMANDS:
        return "omptool"
    inside = getattr(load(arguments[0]), "commands", {})
    return " ".join(["omptool", arguments[0], *(word for word in arguments[1:2] if word in inside)])


def _nearest(typed: str, known: list[str]) -> str:
    matches = difflib.get_close_matches(typed, known, n=2, cutoff=0.5)
    return f"did you mean {' or '.join(matches)}?\n" if matches else ""
