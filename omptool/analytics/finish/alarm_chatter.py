"""Alarms of every group and period → a row per kind, the most frequent first, with what is wrong with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

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

_Kinds = Mapping[tuple[int, str], Sequence[Alarm]]


def finish(table: pa.Table, given: Mapping[str, Any]) -> pa.Table:
    """The most frequent alarms, those that chatter, flash up or stay.

    Args:
        table: as `alarms.read`, with station of alarms, coverage and percent_good of periods.
        given: the periods and the recipe's parameters.

    Raises:
        UsageError: thresholds that make no sense.
    """
    expect(given, "chatter_count", 2, "one alarm does not chatter; 3 within 60 s is usual")
    expect(given, "chatter_s", 0, "a length in seconds, 60 is usual")
    expect(given, "fleeting_s", 0, "a length in seconds, 10 is usual")
    expect(given, "stale_h", 0, "a length in hours, 24 is usual")
    expect(given, "top", 0, "so many of the most frequent alarms; 0: all")
    kinds: dict[int, _Kinds] = {}
    episodes: dict[int, Mapping[tuple[int, str], list[list[Alarm]]]] = {}
    rows: list[dict[str, object]] = []
    for window, alarms in read(table, given):
        if window.group not in kinds:
            kinds[window.group] = _by_kind(alarms)
            episodes[window.group] = {
                kind: list(chatter(each, given["chatter_count"], given["chatter_s"]))
                for kind, each in kinds[window.group].items()
            }
        found = [_row(window, each, episodes[window.group][kind], given) for kind, each in kinds[window.group].items()]
        rows += _ranked([row for row in found if row["alarms"] or row["stale"]], given["top"])
    return without_ends(pa.Table.from_pylist(rows, schema=_SCHEMA), given)


def _by_kind(alarms: Sequence[Alarm]) -> _Kinds:
    found: dict[tuple[int, str], list[Alarm]] = defaultdict(list)
    for alarm in alarms:
        found[alarm.kind].append(alarm)
    return found


def chatter(alarms: Sequence[Alarm], count: int, seconds: float) -> Iterator[list[Alarm]]:
    """Episodes of one kind: alarms of which every one is among `count` that came within so many seconds."""
    length = round(seconds * SECOND)
    first = last = -1
    for place in range(len(alarms) - count + 1):
        if alarms[place + count - 1].since - alarms[place].since > length:
            continue
        if place > last:
            if last >= 0:
                yield list(alarms[first : last + 1])
            first = place
        last = place + count - 1
    if last >= 0:
        yield list(alarms[first : last + 1])


def _row(
    window: Window, alarms: Sequence[Alarm], episodes: Sequence[Sequence[Alarm]], given: Mapping[str, Any]
) -> dict[str, Any]:
    mine = came(alarms, window)
    noisy = {alarm for episode in episodes for alarm in episode}
    over = [alarm.till - alarm.since for alarm in mine if alarm.is_over]
    seen = [alarm for alarm in alarms if alarm.since < window.till and alarm.till > window.since]
    brief = given["fleeting_s"] * SECOND
    return {
        "g": window.group, "p": window.period, "source": alarms[0].station, "alarm": alarms[0].name,
        "alarms": len(mine), "chattering": sum(alarm in noisy for alarm in mine),
        "episodes": sum(window.since <= episode[0].since < window.till for episode in episodes),
        "fleeting": sum(alarm.till - alarm.since < brief and alarm not in noisy for alarm in mine),
        "stale": sum(is_stale(alarm, window, given["stale_h"] * HOUR) for alarm in alarms),
        "standing": sum(is_standing(alarm, window) for alarm in alarms),
        "mean_s": sum(over) / len(over) / SECOND if over else None,
        "longest_s": max((min(alarm.till, window.till) - alarm.since for alarm in seen), default=0) / SECOND,
        "coverage": window.row["coverage"], "percent_good": window.row["percent_good"],
    }  # fmt: skip


def _ranked(rows: list[dict[str, Any]], top: int) -> Iterator[dict[str, object]]:
    rows.sort(key=lambda row: (-row["alarms"], -row["longest_s"], row["source"], row["alarm"]))
    everything = sum(row["alarms"] for row in rows)
    sums = accumulate(row["alarms"] for row in rows)
    for rank, (row, so_far) in enumerate(zip(rows, sums, strict=True), 1):
        if top <= 0 or rank <= top:
            whole = max(everything, 1)
            yield row | {"rank": rank, "share": row["alarms"] / whole, "cumulative": so_far / whole}


_SCHEMA = pa.schema(
    [("g", pa.int32()), ("p", pa.int32()), ("rank", pa.int64()), ("source", pa.string()), ("alarm", pa.string())]
    + [("alarms", pa.int64()), ("share", pa.float64()), ("cumulative", pa.float64()), ("chattering", pa.int64())]
    + [(name, pa.int64()) for name in ("episodes", "fleeting", "stale", "standing")]
    + [(name, pa.float64()) for name in ("mean_s", "longest_s", "coverage", "percent_good")]
)
