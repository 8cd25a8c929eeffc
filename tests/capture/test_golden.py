"""A capture of every format ever released stays readable. `golden/make.py` wrote this one, once."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from omptool.capture import view
from omptool.capture.reader import Capture
from omptool.capture.verify import verify

GOLDEN = Path(__file__).parent / "golden" / "format-1.omcap"


def test_format_1_is_whole() -> None:
    capture = Capture.open(GOLDEN)
    assert (capture.rows, capture.event_rows, capture.damage, capture.finished) == (11, 1, [], True)
    assert [entry.kind for entry in capture.journal_entries] == ["start", "nodes", "subscribe", "stop"]
    assert [(gap["reason"], gap["sub"], gap["missing"]) for gap in capture.gaps().to_pylist()] == [
        ("sequence_lost", 4711, 2)
    ]
    result = verify(capture)
    assert [(v.verdict, v.items, v.rows) for v in result.verdicts] == [("complete", 8, 8), ("windows", 1, 3)]


def test_format_1_gives_the_same_rows() -> None:
    rows = [row for batch in view.telemetry(Capture.open(GOLDEN)) for row in batch.to_pylist()]
    assert [row["seq"] for row in rows] == list(range(1, 12))
    assert [row["type"] for row in rows[:9]] == [
        "Double", "MachineState", "UInt64", "Boolean", "String", "DateTime", "Double[]", "Null", "Float",
    ]  # fmt: skip
    assert [row["value"] for row in rows[:9]] == [0.1, 1.0, float(2**64 - 1), 1.0, None, None, None, None, -1.5]
    assert [row["value_text"] for row in rows[:6]] == [
        None,
        "Running",
        None,
        None,
        "Größe",
        "2026-09-24T04:13:46.5000001Z",
    ]
    assert rows[2]["value_exact"] == Decimal(2**64 - 1)
    assert rows[6]["value_list"] == [1.5, -2.0]
    assert (rows[7]["status"], rows[7]["quality"]) == (0x80340000, "Bad")
    assert (rows[1]["time_ns"], rows[8]["time_basis"], rows[8]["origin"]) == (100, "receive", "initial")
    assert [(row["value"], row["origin"]) for row in rows[9:]] == [(2.5, "live"), (3.5, "live")]
    assert {row["unit"] for row in rows} == {"°C"}
    assert rows[0]["time"] == datetime(2026, 9, 24, 4, 13, 20, tzinfo=UTC)


def test_format_1_gives_the_same_events() -> None:
    (row,) = view.events(Capture.open(GOLDEN)).to_pylist()
    assert (row["message"], row["severity"], row["event_id"]) == ("hot", 700, b"\x01")
