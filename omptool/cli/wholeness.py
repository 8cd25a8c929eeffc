"""A part of an address space is never passed off as the whole: the note and the exit code of commands that crawl."""

from __future__ import annotations

from collections.abc import Mapping

from omptool.cli import diagnostics
from omptool.cli.exits import ExitCode


def say(refused: Mapping[str, int]) -> ExitCode:
    """Say what is missing.

    Args:
        refused: NodeId → StatusCode of nodes whose references are not known.
    """
    from omptool.model import status
    from omptool.opcua.exploring.browsing import TOO_MANY

    if not refused:
        return ExitCode.OK
    node_id, code = next(iter(refused.items()))
    noun = "node" if len(refused) == 1 else "nodes"
    diagnostics.note(
        f"note: this is not the whole tree: what is below {len(refused):,} {noun} is missing, first {node_id}"
        f" ({status.name(code)})",
        "it is larger or deeper than omptool follows: look at a part of it by --root" if code == TOO_MANY else "",
    )
    return ExitCode.PARTIAL
