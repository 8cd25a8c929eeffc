"""The grid `wide_…`: what held at each step, machine by machine."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omptool.errors import UsageError
from omptool.lake import wide
from omptool.lake.compact import compact
from omptool.lake.convert import convert
from omptool.lake.vacuum import vacuum
from omptool.model.contracts import TELEMETRY
from tests.conftest import Result
from tests.lake.recordings import DAY_US, START_US, FakeRecording, gap, telemetry
from tests.sources.captures import capture

Run = Callable[..., Result]
ROW: dict[str, Any] = telemetry("c1", 0, 1).to_pylist()[0] | {"time_ns": 0}
SECOND = 1_000_000
AT = datetime(2026, 1, 1, tzinfo=UTC)


def row(at_us: int, tag: str, value: object, machine: str = "M1", **more: Any) -> dict[str, Any]:
    """A row `at_us` behind the beginning of 2026."""
    name = "value" if isinstance(value, float) else "value_text"
    columns = {"time": START_US + at_us, "receive_time": START_US + at_us, "machine": machine, "tag": tag}
    return ROW | {"value": None, "node_id": f"i={machine}{tag}", name: value} | columns | more


def grid(tmp_path: Path, *rows: dict[str, Any], every: timedelta = timedelta(seconds=1)) -> list[dict[str, Any]]:
    data = [each | {"seq": seq} for seq, each in enumerate(rows, 1)]
    convert([FakeRecording("c1", pa.Table.from_pylist(data, schema=TELEMETRY))], tmp_path / "lake")
    report = wide.make(tmp_path / "lake", every)
    table = deltalake.DeltaTable(str(tmp_path / "lake" / report.table)).to_pyarrow_table()
    assert table.num_rows == report.rows
    return table.drop_columns(["site", "date"]).sort_by([("machine", "ascending"), ("time", "ascending")]).to_pylist()


def test_a_cell_is_the_value_that_held(tmp_path: Path) -> None:
    found = grid(
        tmp_path,
        row(SECOND, "T", 1.0),
        row(SECOND + 500_000, "T", 2.0),
        row(3 * SECOND + 1, "T", 3.0),
        row(2 * SECOND, "State", "Run"),
        row(4 * SECOND, "T", 4.0),
        row(2 * SECOND, "T", 9.0, machine="M2"),
    )
    assert [(r["machine"], (r["time"] - AT).total_seconds(), r["T"], r["State"]) for r in found] == [
        ("M1", 1, 1.0, None), ("M1", 2, 2.0, "Run"), ("M1", 3, 2.0, "Run"), ("M1", 4, 4.0, "Run"), ("M2", 2, 9.0, None),
    ]  # fmt: skip


def test_a_bad_value_empties_the_cell_until_the_next(tmp_path: Path) -> None:
    found = grid(
        tmp_path,
        row(SECOND, "T", 1.0),
        row(2 * SECOND, "T", 5.0, quality="Bad", status=2**31),
        row(3 * SECOND, "T", 3.0),
    )
    assert [r["T"] for r in found] == [1.0, None, 3.0]


def test_a_value_holds_over_midnight_and_a_day_goes_to_its_end(tmp_path: Path) -> None:
    hour = timedelta(hours=1)
    found = grid(tmp_path, row(DAY_US - 1, "T", 1.0), row(DAY_US + 2 * 3600 * SECOND, "T", 2.0), every=hour)
    assert [((r["time"] - AT) / hour, r["T"]) for r in found] == [(24, 1.0), (25, 1.0), (26, 2.0)]


def test_several_files_of_a_day_are_one_grid(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    data = telemetry("c1", 0, 600)
    for size in (200, 400, 600):
        convert([FakeRecording("c1", data.slice(0, size))], lake)
    report = wide.make(lake, timedelta(minutes=1))
    table = deltalake.DeltaTable(str(lake / "wide_1m")).to_pyarrow_table()
    assert (report.rows, report.tags, report.files) == (table.num_rows, 5, 1)
    last = table.filter(pa.compute.equal(table["time"], pa.scalar(AT + timedelta(minutes=10), table["time"].type)))
    assert {r["machine"]: (r["Tag0"], r["Tag1"]) for r in last.to_pylist()}["Press0"] == (300.0, 298.0)


def test_it_is_made_anew_with_other_columns_and_can_be_vacuumed(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    convert([FakeRecording("c1", telemetry("c1", 0, 100))], lake)
    wide.make(lake, timedelta(seconds=10))
    convert([FakeRecording("c2", telemetry("c2", 0, 100, nodes=7))], lake)
    report = wide.make(lake, timedelta(seconds=10))
    assert report.tags == 7
    names = deltalake.DeltaTable(str(lake / "wide_10s")).to_pyarrow_table().schema.names
    assert names[:4] == ["time", "machine", "Tag0", "Tag1"]
    assert "Tag6" in names
    assert vacuum(lake, keep=timedelta(0), now=datetime.now(UTC) + timedelta(seconds=2)).files == 1


def gap_row(start_s: float, end_s: float | None, node_id: str | None = None, **more: object) -> dict[str, object]:
    end = None if end_s is None else START_US + int(end_s * SECOND)
    return gap("c1", end) | {"start_time": START_US + int(start_s * SECOND), "node_id": node_id} | more


@pytest.mark.parametrize(
    ("gap_of", "expected"),
    [
        (gap_row(1.5, 3.5), [1.0, None, None, None, None, 2.0]),
        (gap_row(1.5, 3.5, "i=M1T"), [1.0, None, None, None, None, 2.0]),
        (gap_row(1.5, 3.5, "i=M1Other"), [1.0, 1.0, 1.0, 1.0, 1.0, 2.0]),
        (gap_row(1.5, 3.5, state="backfilled"), [1.0, 1.0, 1.0, 1.0, 1.0, 2.0]),
        (gap_row(1.5, 3.5, server="urn:other"), [1.0, 1.0, 1.0, 1.0, 1.0, 2.0]),
        (gap_row(0.2, 0.8), [1.0, 1.0, 1.0, 1.0, 1.0, 2.0]),
        (gap_row(3, None), [1.0, 1.0, None, None, None, None]),
    ],
)
def test_no_value_holds_into_a_window(tmp_path: Path, gap_of: dict[str, Any], expected: list[float | None]) -> None:
    rows = [row(SECOND, "T", 1.0), row(6 * SECOND, "T", 2.0), row(6 * SECOND, "Other", 7.0)]
    data = pa.Table.from_pylist([each | {"seq": n} for n, each in enumerate(rows, 1)], schema=TELEMETRY)
    convert([FakeRecording("c1", data, gap_rows=[gap_of])], tmp_path / "lake")
    report = wide.make(tmp_path / "lake", timedelta(seconds=1))
    assert [found["T"] for found in cells(tmp_path / "lake", report.table)] == expected


def test_what_a_server_sends_again_behind_a_window_held_before_too(tmp_path: Path) -> None:
    """The first value of a new subscription bears its old time: since then nothing has changed."""
    again = {"receive_time": START_US + 4 * SECOND, "origin": "initial"}
    rows = [row(SECOND, "T", 1.0), row(SECOND, "T", 1.0, **again), row(6 * SECOND, "T", 2.0)]
    data = pa.Table.from_pylist([each | {"seq": n} for n, each in enumerate(rows, 1)], schema=TELEMETRY)
    convert([FakeRecording("c1", data, gap_rows=[gap_row(1.5, 3.5)])], tmp_path / "lake")
    report = wide.make(tmp_path / "lake", timedelta(seconds=1))
    assert [found["T"] for found in cells(tmp_path / "lake", report.table)] == [1.0, None, None, 1.0, 1.0, 2.0]


def cells(lake: Path, name: str) -> list[dict[str, Any]]:
    table = deltalake.DeltaTable(str(lake / name)).to_pyarrow_table()
    return table.sort_by([("site", "ascending"), ("machine", "ascending"), ("time", "ascending")]).to_pylist()


def same_but_order(lake: Path, name: str) -> list[tuple[object, ...]]:
    return [tuple(sorted(found.items(), key=lambda item: item[0])) for found in cells(lake, name)]


@given(st.lists(st.sampled_from(["day", "late", "gap", "tag", "text", "compact", "nothing"]), min_size=1, max_size=5))
@settings(max_examples=12, deadline=None)
def test_made_again_it_is_what_it_would_be_made_anew(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        lake, other = Path(name, "lake"), Path(name, "other")
        rows: list[dict[str, Any]] = [row(SECOND, "T", 1.0), row(DAY_US + SECOND, "T", 2.0), row(5, "Note", "a")]
        gaps: list[dict[str, object]] = []
        every = timedelta(hours=1)
        for number, step in enumerate(["", *steps], 2):
            if step == "day":
                rows.append(row(number * DAY_US + 7, "T", float(number), machine="M1" if number % 2 else "M2"))
            elif step == "late":
                rows.append(row(12 * 3600 * SECOND + number, "T", float(number)))
            elif step == "gap":
                gaps.append(gap_row(86400 * (number % 3) + 7200, 86400 * (number % 3) + 9000))
            elif step == "tag":
                rows.append(row(DAY_US + number, f"New{number}", float(number)))
            elif step == "text":  # the column of a text becomes a number
                rows.append(row(DAY_US + number, "Note", 5.0))
            data = pa.Table.from_pylist([each | {"seq": n} for n, each in enumerate(rows, 1)], schema=TELEMETRY)
            for place in (lake, other):
                convert([FakeRecording("c1", data, gap_rows=gaps)], place)
            if step == "compact":
                compact(lake)
            wide.make(lake, every)
        wide.make(other, every)
        assert same_but_order(lake, "wide_1h") == same_but_order(other, "wide_1h")
        assert wide.make(lake, every).files == 0


def test_only_the_days_that_changed_are_made_again(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    rows = [row(day * DAY_US + 5, "T", float(day)) | {"seq": day + 1} for day in range(9)]
    data = pa.Table.from_pylist(rows, schema=TELEMETRY)
    convert([FakeRecording("c1", data.slice(0, 8))], lake)
    assert wide.make(lake, timedelta(hours=1)).files == 8
    convert([FakeRecording("c1", data)], lake)
    report = wide.make(lake, timedelta(hours=1))
    assert (report.files, report.kept) == (2, 7)
    assert [found["T"] for found in cells(lake, "wide_1h")][-2:] == [7.0, 7.0]
    again = wide.make(lake, timedelta(hours=1))
    assert (again.files, again.rows, again.kept) == (0, 0, 9)


def test_what_is_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = tmp_path / "lake"
    convert([FakeRecording("c1", telemetry("c1", 0, 10))], lake)
    with pytest.raises(UsageError, match="too fine"):
        wide.make(lake, timedelta(microseconds=10))
    monkeypatch.setattr(wide, "MOST_TAGS", 3)
    with pytest.raises(UsageError, match="5 tags are too many"):
        wide.make(lake, timedelta(seconds=1))
    assert not (lake / "wide_1s").exists()


def test_as_a_user_types_it(invoke: Run, tmp_path: Path) -> None:
    capture(tmp_path / "a.omcap", 120)
    done = invoke("convert", "a.omcap", "-o", "lake", "--wide", "10s")
    assert (done.code, done.rows[1]["table"], done.rows[1]["rows"]) == (0, "wide_10s", 34)
    asked = invoke("query", "from wide_10s order by machine, time desc limit 1", "--on", "lake")
    assert asked.rows[0] == {
        "time": "2026-01-01T00:01:50Z", "machine": "Press0", "Tag0": 54.0, "Tag1": 54.5, "site": "Leipzig",
    }  # fmt: skip
    named = invoke("query", "select count(*) as n from l.wide_10s", "--on", "l=lake")
    assert named.rows == [{"n": 34}]
    assert invoke("convert", "lake", "--wide", "soon").code == 2
