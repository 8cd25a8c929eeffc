"""The printed truth: the schedule in the columns of C2 and C7, nothing more and nothing less."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import islice

from omptool.demo.measured import fault
from omptool.demo.plant import HOUR, MINUTE, SECOND, shift_start
from omptool.demo.schedule import Plant, Stretch
from omptool.demo.truth import lines, seven_digits

PLANT = Plant(1)
START = shift_start(62_028) + HOUR
SET_UP = next(one.end for one in PLANT.stretches(START, START + 8 * HOUR) if one.state == "Changeover") - MINUTE
"""A minute before Press1 has been set up: everything moves soon after."""
VALUE_COLUMNS = ["kind", "node_id", "time", "time_ns", "value", "value_exact", "value_text", "value_list", "status"]


def _rows(start: int, end: int) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines(PLANT, start, end)]


def test_values_are_the_schedule() -> None:
    end = START + 2 * MINUTE
    rows = [row for row in _rows(START, end) if row["kind"] == "value"]
    changes = list(PLANT.changes(START, end))
    assert len(rows) == len(changes) > 1000
    assert all(list(row) == VALUE_COLUMNS for row in rows)
    for row, change in zip(rows, changes, strict=True):
        assert (row["node_id"], row["status"]) == (change.node_id, change.status)
        assert _nanoseconds(row["time"]) + int(str(row["time_ns"])) == change.time_ns
        if isinstance(change.value, float):
            assert row["value"] == change.value
        if isinstance(change.value, tuple):
            assert row["value_list"] == list(change.value)


def test_columns_by_type() -> None:
    rows = {
        str(row["node_id"]).rpartition(".")[2]: row
        for row in _rows(SET_UP, SET_UP + 4 * MINUTE)
        if row["kind"] == "value"
    }
    state, door, last, product = (rows[name] for name in ("State", "DoorClosed", "LastPartTime", "StateReason"))
    assert isinstance(state["value"], float) and isinstance(state["value_text"], str)
    assert door["value"] in (0.0, 1.0) and door["value_text"] is None
    assert last["value"] is None and str(last["value_text"]).endswith("Z") and len(str(last["value_text"])) == 28
    assert product["value"] is None and isinstance(product["value_text"], str)
    assert all(row["value_exact"] is None for row in rows.values())


def test_a_bad_value_is_no_value() -> None:
    _, bad_from, _ = fault(1, 62_028)
    rows = _rows(bad_from - 5 * SECOND, bad_from + 5 * SECOND)
    bad = [row for row in rows if row["kind"] == "value" and int(str(row["status"])) >> 31]
    assert [(row["value"], row["value_text"], row["status"]) for row in bad] == [(None, None, 0x808C0000)]


def test_intervals_have_the_columns_of_c7() -> None:
    rows = [json.loads(line) for line in islice(lines(PLANT, START, START + HOUR), 1000)]
    rows = [row for row in rows if row["kind"] == "interval"]
    assert list(rows[0]) == ["kind", *Stretch._fields]
    assert len({row["machine"] for row in rows}) == 6
    assert {rows[0]["start"], rows[-1]["end"]} == {_text(START), _text(START + HOUR)}
    assert all(isinstance(row["good"], int) for row in rows)


def test_an_empty_window_is_empty() -> None:
    assert _rows(START, START) == []


def test_seven_digits() -> None:
    assert seven_digits(1_000_000_100) == "1970-01-01T00:00:01.0000001Z"
    assert seven_digits(0) == "1970-01-01T00:00:00.0000000Z"


def _nanoseconds(text: object) -> int:
    moment = datetime.fromisoformat(str(text))
    return (int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond) * 1000


def _text(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, tz=datetime.fromisoformat("2026-01-01T00:00Z").tzinfo).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )
