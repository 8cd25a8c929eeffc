"""Alarms of every group and period → how dense they were, and the floods among them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from omptool.analytics.finish.alarms import (
    HOUR,
    SECOND,
    Alarm,
    Window,
    came,
    expect,
    is_stale,
    is_standing,
    read,
    without_ends,
)
from omptool.errors import UsageError

_TEN_MINUTES = 600 * SECOND


class Density(NamedTuple):
    """Of all alarms of a group.

    Attributes:
        within: per alarm how many came within the window that ends with it.
        floods: [since, till) of each.
    """

    within: list[int]
    floods: list[tuple[int, int]]


def finish(table: pa.Table, given: Mapping[str, Any]) -> pa.Table:
    """The load of alarms.

    Args:
        table: as `alarms.read`, with coverage and percent_good of periods.
        given: the periods and the recipe's parameters.

    Raises:
        UsageError: thresholds that make no sense.
    """
    expect(given, "operators", 1, "somebody has to be there")
    expect(given, "flood_below", 1, "a flood has to end")
    expect(given, "flood_window", 1e-6, "a length in seconds, 600 is usual")
    expect(given, "acceptable", 0, "alarms in 10 min and operator, 1 is usual")
    expect(
        given,
        "manageable",
        given["acceptable"],
        "it is not below acceptable: 1 and 2 are usual",
    )
    expect(given, "stale_h", 0, "a length in hours, 24 is usual")
    expect(given, "top", 1, "so many of the most frequent alarms, 10 is usual")
    if given["flood_below"] > given["flood_above"]:
        raise UsageError(
            f"--param flood_below: {given['flood_below']} is above flood_above, {given['flood_above']}",
            "a flood begins with many alarms and ends with few: 10 and 5 are usual",
        )
    known: dict[int, Density] = {}
    rows = []
    for window, alarms in read(table, given):
        if window.group not in known:
            known[window.group] = density([alarm.since for alarm in alarms], given)
        rows.append(_row(window, alarms, known[window.group], given))
    return without_ends(pa.Table.from_pylist(rows, schema=_SCHEMA), given)


def density(times: Sequence[int], given: Mapping[str, Any]) -> Density:
    """Alarms that came at `times` (ascending) as dense as they were.

    Args:
        given: `flood_window` (s), `flood_above`, `flood_below`, `operators`.
    """
    length, operators = round(given["flood_window"] * SECOND), given["operators"]
    above, below = given["flood_above"] * operators, given["flood_below"] * operators
    recent: deque[int] = deque()
    within: list[int] = []
    floods: list[tuple[int, int]] = []
    began: int | None = None
    for time in [*times, None]:
        while recent and (time is None or recent[0] + length <= time):
            left = recent.popleft() + length
            if began is not None and len(recent) < below:
                floods.append((began, left))
                began = None
        if time is not None:
            recent.append(time)
            within.append(len(recent))
            if began is None and len(recent) > above:
                began = time
    return Density(within, floods)


def _row(window: Window, alarms: Sequence[Alarm], dense: Density, given: Mapping[str, Any]) -> dict[str, object]:
    mine = came(alarms, window)
    first = bisect_left(alarms, window.since, key=lambda alarm: alarm.since)
    inside = [(max(since, window.since), min(till, window.till)) for since, till in dense.floods]
    inside = [(since, till) for since, till in inside if since < till]
    flood_ns = sum(till - since for since, till in inside)
    covered = window.row["coverage"] * (window.till - window.since)  # of the row, not of each of its machines
    rate = len(mine) * _TEN_MINUTES / covered / given["operators"] if covered else None
    often = sorted(Counter(alarm.kind for alarm in mine).values(), reverse=True)
    return {
        "g": window.group, "p": window.period, "alarms": len(mine), "per_10min": rate, "verdict": _verdict(rate, given),
        "peak": max(dense.within[first : first + len(mine)], default=0), "floods": len(inside),
        "flood_s": flood_ns / SECOND, "flood_share": flood_ns / (window.till - window.since),
        "flood_alarms": sum(since <= alarm.since < till for alarm in mine for since, till in inside),
        "top_share": sum(often[: max(given["top"], 0)]) / len(mine) if mine else None,
        "stale": sum(is_stale(alarm, window, given["stale_h"] * HOUR) for alarm in alarms),
        "standing": sum(is_standing(alarm, window) for alarm in alarms),
        "coverage": window.row["coverage"], "percent_good": window.row["percent_good"],
    }  # fmt: skip


def _verdict(rate: float | None, given: Mapping[str, Any]) -> str | None:
    if rate is None:
        return None
    return "acceptable" if rate <= given["acceptable"] else "manageable" if rate <= given["manageable"] else "too many"


_SCHEMA = pa.schema({
    "g": pa.int32(), "p": pa.int32(), "alarms": pa.int64(), "per_10min": pa.float64(), "verdict": pa.string(),
    "peak": pa.int64(), "floods": pa.int64(), "flood_s": pa.float64(), "flood_share": pa.float64(),
    "flood_alarms": pa.int64(), "top_share": pa.float64(), "stale": pa.int64(), "standing": pa.int64(),
    "coverage": pa.float64(), "percent_good": pa.float64(),
})  # fmt: skip
