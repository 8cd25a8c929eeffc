"""What `capture --dry-run` says: the items as rows, on stderr what they come to, and what cannot be is refused."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omptool.capture.recording import prediction
from omptool.capture.recording.planning import plan
from omptool.cli import diagnostics
from omptool.cli.capture_words import lasting, short, size
from omptool.cli.exits import ExitCode
from omptool.cli.output import Rows, emit
from omptool.cli.signals import loop_name

if TYPE_CHECKING:
    from omptool.capture.recording.terms import PlannedServer
    from omptool.cli.capture_nodes import Asked
    from omptool.model.monitoring import Monitoring

PLAN_COLUMNS = (
    "path", "node_id", "data_type", "unit", "sampling_ms", "queue_size", "server", "discard", "deadband", "trigger",
    "poll_ms", "heartbeat_ms",
)  # fmt: skip

_MANY = 50
"""Servers from which on the event loop makes a difference."""
_LOOPS = {
    "uvloop": "uvloop's event loop",
    "asyncio": "asyncio's event loop; uvloop's takes a quarter less of the processor:  pip install 'omptool[fast]'",
}


async def show_plan(what: Asked, output: Path | None, format: str | None) -> ExitCode:
    """Ask the servers, and say what would be recorded.

    Raises:
        ServerRefused: more is asked of a server than it says that it takes.
        NotFound, UsageError, Unreachable: see `planning.plan`.
    """
    servers = await plan(what.servers, what.selection)
    prediction.check(servers)
    rows = [
        (
            item.node.path, item.node.node_id, item.node.data_type, item.node.unit, item.sampling_ms, item.queue_size,
            item.server, *_filters(item.monitoring),
        )
        for server in servers
        for item in server.items
    ]  # fmt: skip
    emit(Rows(PLAN_COLUMNS, rows), format=format)
    _say(servers, output)
    return ExitCode.OK


def _say(servers: Sequence[PlannedServer], output: Path | None) -> None:
    if len(servers) > 1:
        for server in servers:
            rate = prediction.most_values_per_s(server)
            diagnostics.note(f"{short(server.label)}: {_items(len(server.items))}, at most {rate:,.0f} values/s")
    items = sum(len(server.items) for server in servers)
    rate = sum(map(prediction.most_values_per_s, servers))
    measured = _measured(output)
    bytes_per_s = sum(prediction.bytes_per_s(server, measured) for server in servers)
    in_subscriptions = f"{len(servers):,} subscription{'s' * (len(servers) > 1)}"
    diagnostics.note(
        f"{_items(items)} in {in_subscriptions}: at most {rate:,.0f} values/s, {size(bytes_per_s)}/s, "
        f"{size(bytes_per_s * 86400)} a day{_room(bytes_per_s, output)}"
    )
    if len(servers) >= _MANY:
        diagnostics.note(f"{len(servers):,} connections on {_LOOPS[loop_name()]}")
    source = (
        f"a value takes {measured:.1f} B, as in {output}"
        if measured is not None
        else f"a number is assumed to take {prediction.NUMBER_BYTES:.0f} B, a text {prediction.TEXT_BYTES:.0f} B"
    )
    diagnostics.note(f"that is if every value changes whenever the server looks; most change far less often; {source}")


def _measured(output: Path | None) -> float | None:
    """Of the capture that would be gone on with, or replaced, where there is one."""
    from omptool.capture.reader import Capture
    from omptool.errors import OmptoolError

    if output is None or not output.is_dir():
        return None
    try:
        return prediction.measured_bytes(Capture.open(output))
    except (OmptoolError, OSError):
        return None


def _items(count: int) -> str:
    return f"{count:,} item{'s' * (count != 1)}"


def _room(bytes_per_s: float, output: Path | None) -> str:
    folder = Path() if output is None else output.absolute().parent
    if not bytes_per_s or not folder.is_dir():
        return ""
    free = shutil.disk_usage(folder).free
    return f"; {size(free)} free, for {lasting(free / bytes_per_s)} or longer"


def _filters(monitoring: Monitoring) -> tuple[object, ...]:
    """The last columns of the plan."""
    deadband = None if monitoring.deadband is None else str(monitoring.deadband)
    return (
        str(monitoring.discard or "oldest"),
        deadband,
        str(monitoring.trigger or "status-value"),
        monitoring.poll_ms or None,
        monitoring.heartbeat_ms or None,
    )
