"""Values of one Variable → tools, one after the other, with their wear and what is left of the last one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from omptool.analytics.spc.measured import Measured
from omptool.analytics.spc.periods import part, united
from omptool.analytics.spc.sums import Floats, Mask
from omptool.analytics.spc.trend import theil_sen
from omptool.errors import UsageError
from omptool.model.contracts import TIME
from omptool.model.times import datetime_of

_MAD = 1.4826 / math.sqrt(2)
"""From the median difference of neighbours to the standard deviation of normal noise."""
_HOUR = 3600e9


def finish(measured: Measured, given: Mapping[str, Any]) -> pa.Table:
    """A row per tool, or per period and tool: tools are found in all values.

    Args:
        given: `direction`, `window`, `step_sigmas`, `step`, `limit`, `confidence`.

    Raises:
        UsageError: a parameter that says nothing.
    """
    _check(given)
    sign = 1.0 if given["direction"] == "up" else -1.0
    begins, kind = changes(measured, sign, given)
    told: list[str | None] = ["start", *[kind] * (len(begins) - 1)]
    if measured.cut is None or measured.time is None:
        return _tools(measured, begins, told, given)
    periods = measured.cut.places(measured.time)
    numbers = np.unique(periods).tolist()
    tables = [
        _tools(part(measured, period, periods == period), *_inside(begins, told, periods == period), given)
        for period in numbers
    ]
    return united(numbers, tables) if tables else united([0], [_tools(measured, begins, told, given)])


def _inside(begins: Sequence[int], told: Sequence[str | None], mine: Mask) -> tuple[list[int], list[str | None]]:
    """Where tools begin among the values of a period; what began before it only goes on, and nothing tells so."""
    before = np.concatenate(([0], np.cumsum(mine)))
    return [int(before[begin]) for begin in begins], [
        change if begin < mine.size and mine[begin] else None for begin, change in zip(begins, told, strict=True)
    ]


def _tools(measured: Measured, begins: Sequence[int], told: Sequence[str | None], given: Mapping[str, Any]) -> pa.Table:
    """A row per tool that has values; the last is the one in use."""
    edges = [*begins, measured.value.size]
    rows = [
        _tool(measured, first, last, number, told[number - 1], given)
        for number, (first, last) in enumerate(pairwise(edges), 1)
        if first < last
    ]
    if rows:
        rows[-1] |= _left(rows[-1], 1.0 if given["direction"] == "up" else -1.0, given)
    common = {"coverage": measured.coverage, "percent_good": measured.percent_good}
    for row in rows:
        row["note"] = "; ".join(filter(None, [*measured.notes, row.get("note")])) or None
    return pa.Table.from_pylist([row | common for row in rows], schema=_SCHEMA)


def _check(given: Mapping[str, Any]) -> None:
    if given["direction"] not in ("up", "down"):
        raise UsageError(f"--param direction={given['direction']}: it is up or down", "up is the default")
    if given["window"] < 2:
        raise UsageError(f"--param window={given['window']}: it takes two values for a mean", "25 is the default")
    for name in ("step_sigmas", "step"):
        if given[name] is not None and not given[name] > 0:
            raise UsageError(f"--param {name}={given[name]:g}: it is above 0", "leave it out for the default")


def changes(measured: Measured, sign: float, given: Mapping[str, Any]) -> tuple[list[int], str]:
    """Where tools begin, the first at 0, and what tells so."""
    value = measured.value
    if measured.group is not None:
        return [0, *(np.flatnonzero(np.diff(measured.group)) + 1).tolist()], "tag"
    back = np.flatnonzero(sign * np.diff(value) < 0) + 1
    if is_counter(value, sign):
        return [0, *back.tolist()], "reset"
    return [0, *steps(value, sign, given["window"], _least(value, given))], "step"


def is_counter(value: Floats, sign: float) -> bool:
    """Whether a value only goes one way, or all the way back: then every way back is a tool change.

    What counts up falls back to half or less, what counts down (`sign` is -1) jumps to the double or more.
    """
    if value.size < 2 or value.min() < 0:
        return False
    back = sign * np.diff(value) < 0
    before, behind = value[:-1][back], value[1:][back]
    return bool((behind <= before / 2 if sign > 0 else before <= behind / 2).all())


def _least(value: Floats, given: Mapping[str, Any]) -> float:
    if given["step"] is not None:
        return float(given["step"])
    differences = np.abs(np.diff(value))
    return float(given["step_sigmas"] * _MAD * np.median(differences)) if differences.size else 0.0


def steps(value: Floats, sign: float, window: int, least: float) -> list[int]:
    """First values after a step against the wear of at least that size; two are `window` values apart or more."""
    if value.size < 2 * window:
        return []
    offset = value - np.median(value)
    sums = np.concatenate(([0.0], np.cumsum(offset)))
    means = (sums[window:] - sums[:-window]) / window
    fall = sign * (means[: -window or None] - means[window:])  # at value `window + place`
    found: list[int] = []
    while fall.size and (place := int(np.argmax(fall))) >= 0 and fall[place] >= least and fall[place] > 0:
        found.append(place + window)
        fall[max(place - window + 1, 0) : place + window] = -np.inf
    return sorted(found)


def _tool(
    measured: Measured, first: int, last: int, number: int, change: str | None, given: Mapping[str, Any]
) -> dict[str, Any]:
    value = measured.value[first:last]
    place = np.arange(value.size, dtype=np.float64)
    row: dict[str, Any] = {"tool": number, "change": change, "values": last - first}
    if measured.group is not None and measured.labels is not None:
        row["label"] = measured.labels[first]
    if measured.time is not None:
        began, ended = measured.time[first], measured.time[last - 1]
        row |= {"began_at": _moment(began), "ended_at": _moment(ended), "hours": float(ended - began) / _HOUR}
    trend = theil_sen(place, value, given["confidence"])
    if trend is None:
        return row | {
            "first": float(value[0]),
            "last": float(value[0]),
            "note": "one value: nothing to be seen of wear",
        }
    row |= {"first": trend.at(0.0), "last": trend.at(place[-1])}
    row |= {"wear_per_value": trend.slope, "wear_low": trend.low, "wear_high": trend.high, "note": trend.note}
    if row.get("hours"):
        row["wear_per_h"] = (row["last"] - row["first"]) / row["hours"]
    return row


def _left(row: Mapping[str, Any], sign: float, given: Mapping[str, Any]) -> dict[str, object]:
    """What is left of the tool in use."""
    if given["limit"] is None or "wear_per_value" not in row:
        return {}
    distance = sign * (given["limit"] - row["last"])
    if distance <= 0:
        return {"remaining": 0.0, "remaining_low": 0.0, "remaining_high": 0.0, "remaining_h": 0.0}
    slope = sign * row["wear_per_value"]
    if slope <= 0:
        return {"note": "no wear to be seen: nothing says when the limit is reached"}
    found = {"remaining": distance / slope}
    if row["wear_low"] is not None:
        slow, fast = sorted(sign * row[name] for name in ("wear_low", "wear_high"))
        found |= {"remaining_low": distance / fast} | ({"remaining_high": distance / slow} if slow > 0 else {})
    pace = row.get("wear_per_h")
    return found | ({"remaining_h": distance / (sign * pace)} if pace else {})


def _moment(unix_ns: Any) -> object:
    return datetime_of(int(unix_ns) // 1000)


_NUMBER, _WORD = pa.float64(), pa.string()
_SCHEMA = pa.schema(
    {"tool": pa.int64(), "label": _WORD, "change": _WORD, "began_at": TIME, "ended_at": TIME, "values": pa.int64()}
    | dict.fromkeys(("hours", "first", "last", "wear_per_value", "wear_low", "wear_high", "wear_per_h"), _NUMBER)
    | dict.fromkeys(("remaining", "remaining_low", "remaining_high", "remaining_h"), _NUMBER)
    | {"coverage": _NUMBER, "percent_good": _NUMBER, "note": _WORD}
)
