"""What alarm_rate and alarm_chatter share: the rows of their SQL as alarms and windows, and what stands how long."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from omptool.errors import UsageError

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
_NEVER = 1 << 62


def expect(given: Mapping[str, Any], name: str, least: float, why: str) -> None:
    """Refuse a threshold below which a word loses its sense.

    Raises:
        UsageError: the parameter is smaller.
    """
    if not given[name] >= least:
        raise UsageError(f"--param {name}: {given[name]} is too small", why)


class Alarm(NamedTuple):
    """An alarm of a kind (machine and name) that stood in [since, till), unix nanoseconds; `_NEVER`: it still does."""

    since: int
    till: int
    machine: int
    name: str
    station: str

    @property
    def kind(self) -> tuple[int, str]:
        return self.machine, self.name

    @property
    def is_over(self) -> bool:
        return self.till < _NEVER


class Window(NamedTuple):
    """A period of a group."""

    group: int
    period: int
    since: int
    till: int
    row: Mapping[str, Any]


def read(table: pa.Table, given: Mapping[str, Any]) -> Iterator[tuple[Window, Sequence[Alarm]]]:
    """Every period of every group with all alarms of the group in the order in which they came.

    Args:
        table: rows with `p` are periods, those without are alarms: g, m, alarm, since, till.
        given: `cut_nanos` and `end_nanos`, the periods.
    """
    edges = [*given["cut_nanos"], given["end_nanos"]]
    alarms: dict[int, list[Alarm]] = defaultdict(list)
    windows = []
    for row in table.to_pylist():
        if row["p"] is not None:
            windows.append(Window(row["g"], row["p"], edges[row["p"] - 1], edges[row["p"]], row))
            continue
        till = _NEVER if row["till"] is None else row["till"]
        alarms[row["g"]].append(Alarm(row["since"], till, row["m"], row["alarm"], row.get("station", "")))
    for window in windows:
        yield window, alarms[window.group]


def came(alarms: Sequence[Alarm], window: Window) -> list[Alarm]:
    """Those that came in the window."""
    return [alarm for alarm in alarms if window.since <= alarm.since < window.till]


def is_stale(alarm: Alarm, window: Window, longest_ns: float) -> bool:
    """Whether it stood for longer than that at some time of the window."""
    until = min(alarm.till, window.till)
    return until > window.since and until - alarm.since > longest_ns


def is_standing(alarm: Alarm, window: Window) -> bool:
    """Whether it stands at the end of the window."""
    return alarm.since < window.till <= alarm.till


_LENGTHS = ("fleeting", "stale", "standing", "mean_s", "longest_s")


def without_ends(rows: pa.Table, given: Mapping[str, Any]) -> pa.Table:
    """The same where nobody noted when an alarm went (`ends` is given as false): what rests on how long it stood is
    null."""
    if given.get("ends", True):
        return rows
    for name in {*_LENGTHS} & {*rows.schema.names}:
        place = rows.schema.get_field_index(name)
        rows = rows.set_column(place, rows.schema.field(place), pa.nulls(rows.num_rows, rows.schema.field(place).type))
    return rows
