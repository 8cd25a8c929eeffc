"""The commands of omptool: an explicit list, each loaded when it is used.

`omptool --help` and a mistyped name load none of them. Building all parameters of all commands would take longer than
everything else that `--help` does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from omptool.cli.coercion import lighten

if TYPE_CHECKING:
    from typer.core import TyperCommand

COMMANDS = {
    "discover": "List the endpoints of a server, how safe each is, and which other servers it knows.",
    "doctor": "Walk the way to a server step by step: say where it ends, why, and what to do; then measure the server.",
    "browse": "List every node below Objects with its type, unit, range and place in the plant.",
    "diff": "Say what changed between two address spaces: nodes, NodeIds, paths, types, units, ranges.",
    "read": "Read the current values of nodes, or those that the server kept, with status and both times.",
    "watch": "Show values with unit, status, age and course, and go on as they change.",
    "capture": "Record the values that servers send, until you stop it.",
    "info": "Say what a capture or a lake holds.",
    "verify": "Prove whether a capture is complete, or a lake what was written.",
    "recover": "Repair a damaged capture.",
    "cat": "Print the rows of a capture.",
    "replay": "Play a capture again: as an OPC UA server, as rows on stdout, or into a new capture.",
    "convert": "Convert captures to a lake of Delta tables, or to one file.",
    "query": "Ask SQL of captures, lakes and files, or of a cloud.",
    "analyze": "Answer a shop-floor question: OEE, time in each state, data quality.",
    "report": "Write one page about what was recorded: is it complete, OEE, stops, control charts, energy, alarms.",
    "model": "Propose a plant model, and say what the analyses still lack.",
    "cloud": "Serve a lake over HTTP, so that others can ask it.",
    "demo": "Serve a simulated plant over OPC UA: two lines, six machines, real troubles.",
    "tour": "Show the whole way from a machine to an answer in a minute, on a simulated plant.",
    "samples": "List and copy recorded shifts to try things on.",
    "pki": "Make our own certificate, and say which servers are trusted.",
    "config": "Show and check the settings.",
}
"""Name and first line of help; module `omptool.cli.NAME` has the function NAME, or a Typer `app` with sub-commands."""


class Commands(TyperGroup):
    """The commands by name."""

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of the way from a machine to an answer."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Load the command; None when there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        return load(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list without loading anything."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def load(name: str) -> TyperCommand | TyperGroup:
    """The command `name`, with its parameters."""
    module = importlib.import_module(f"omptool.cli.{name}")
    if hasattr(module, "app"):
        group = typer.main.get_group(module.app)
        group.name = name
        lighten(group)
        return group
    holder = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
    holder.command(name, cls=getattr(module, "Command", None))(getattr(module, name))
    command: Any = typer.main.get_command(holder)
    lighten(command)
    return command  # type: ignore[no-any-return]  # typer types none of its vendored click
