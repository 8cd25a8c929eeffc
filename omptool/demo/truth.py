"""What a window of the plant must look like to anybody who watched it, as JSON Lines: the schedule, no measurement.

The value columns are those of the view `telemetry` (C2), the intervals those of C7. Windows are [start, end).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache

from omptool.demo.parts import Part
from omptool.demo.plant import State
from omptool.demo.schedule import Change, Plant, Stretch
from omptool.model.builtin import BuiltinType
from omptool.model.times import format_time, ticks_to_unix_ns

_SECOND = 1_000_000_000
_quoted = json.JSONEncoder(ensure_ascii=False).encode


def lines(plant: Plant, start_ns: int, end_ns: int) -> Iterator[str]:
    """One JSON object per line: the machines' intervals, then every value change in the order of time."""
    for stretch in plant.stretches(start_ns, end_ns):
        yield _interval(stretch)
    for change in plant.changes(start_ns, end_ns):
        yield _value(plant, change)


def _interval(stretch: Stretch) -> str:
    row = {"kind": "interval", **stretch._asdict()}
    row["start"], row["end"] = time_text(stretch.start), time_text(stretch.end)
    return _quoted(row)


def _value(plant: Plant, change: Change) -> str:
    signal = plant.channels[change.node_id].signal
    number, text, numbers = "null", "null", "null"
    value = change.value
    if isinstance(value, tuple):
        numbers = _quoted(value)
    elif isinstance(value, str):
        text = _quoted(value)
    elif isinstance(value, Part):
        text = _quoted(value.to_json())
    elif signal.type is BuiltinType.DateTime and isinstance(value, int):
        text = _quoted(seven_digits(ticks_to_unix_ns(value)))
    elif value is not None:
        number = repr(float(value))
        if signal.name == "State":
            text = _quoted(State(int(value)).name)
    below_us = change.time_ns % 1000
    time = time_text(change.time_ns - below_us)
    head = f'{{"kind": "value", "node_id": {_quoted(change.node_id)}, "time": "{time}", "time_ns": {below_us}'
    value_columns = f'"value": {number}, "value_exact": null, "value_text": {text}, "value_list": {numbers}'
    return f'{head}, {value_columns}, "status": {change.status}}}'


def seven_digits(unix_ns: int) -> str:
    """RFC 3339 with the seven decimals of a DateTime value (C2)."""
    seconds, rest = divmod(unix_ns, _SECOND)
    return f"{_to_the_second(seconds)}.{rest // 100:07d}Z"


def time_text(unix_ns: int) -> str:
    """RFC 3339 in UTC with as many decimals as it takes."""
    seconds, rest = divmod(unix_ns, _SECOND)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{_to_the_second(seconds)}{fraction}Z"


@lru_cache(64)
def _to_the_second(seconds: int) -> str:
    return format_time(seconds * 1_000_000)[:-1]
