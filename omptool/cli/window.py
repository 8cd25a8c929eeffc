"""The window of an analysis on a terminal: one that all rows share is said once, and leaves its place to the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omptool.cli import diagnostics, settings, terminal
from omptool.cli.output import choose_format

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

_ENDS = ("start", "end")


def said_once(
    rows: pa.Table, *, own: bool, cut: bool, format: str | None, output: Path | None, tz: str | None
) -> pa.Table:
    """Rows for `emit`; every other format than a table on a terminal keeps all columns.

    Args:
        own: whether columns of these names are those of somebody's table.
        cut: whether rows are for periods of the window, of which only one may have any.
    """
    if own or cut or output is not None or not terminal.stdout_is_terminal() or choose_format(format, None) != "table":
        return rows
    if not rows.num_rows or not set(_ENDS) <= set(rows.column_names):
        return rows
    start, end = (rows[name].unique() for name in _ENDS)
    if len(start) > 1 or len(end) > 1:
        return rows
    zone, name = settings.zone(tz)
    since, till = (each[0].as_py().astimezone(zone).replace(tzinfo=None) for each in (start, end))
    spec = "milliseconds" if since.microsecond or till.microsecond else "seconds"
    diagnostics.note(f"window: {since.isoformat(' ', spec)} to {till.isoformat(' ', spec)} ({name})")
    return rows.drop_columns(list(_ENDS))
