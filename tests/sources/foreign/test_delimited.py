"""CSV and TSV of other tools: what is right is taken, what is wrong costs itself and is told with its line."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.errors import UsageError
from omptool.model.plant import PlantModel
from omptool.sources.foreign import lines
from omptool.sources.resolve import resolve
from tests.sources.foreign.imported import file, read, rows_of, source

HEAD = "time,tag,value\n"
AT = "2026-11-22T10:00:00Z"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("41.5", ("Double", 41.5, None, None)),
        ("-1e-3", ("Double", -0.001, None, None)),
        ("9007199254740993", ("Int64", 9007199254740992.0, Decimal(9007199254740993), None)),
        ("18446744073709551615", ("UInt64", 18446744073709551616.0, Decimal(18446744073709551615), None)),
        ("true", ("Boolean", 1.0, None, None)),
        ("False", ("Boolean", 0.0, None, None)),
        ("-Infinity", ("Double", float("-inf"), None, None)),
        ("", ("Null", None, None, None)),
        ('""', ("String", None, None, "")),
        ("=1+1", ("String", None, None, "=1+1")),
        ("@SUM(A1)", ("String", None, None, "@SUM(A1)")),
        ("a\0b", ("String", None, None, "a\0b")),
        ('"two\nlines, ""quoted"""', ("String", None, None, 'two\nlines, "quoted"')),
        ("0x1F", ("String", None, None, "0x1F")),
        ("1_000", ("String", None, None, "1_000")),
        ("٤٢", ("String", None, None, "٤٢")),
    ],
)
def test_a_cell_is_what_it_looks_like(tmp_path: Path, text: str, found: tuple[object, ...]) -> None:
    rows, wrong = read(file(tmp_path, "x.csv", f"{HEAD}{AT},T,{text}\n"))
    assert wrong == []
    assert [(row["type"], row["value"], row["value_exact"], row["value_text"]) for row in rows] == [found]


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        ("String", "007", (None, "007", "")),
        ("int32", "7", (7.0, None, "")),
        ("Int32", "7.5.1", (None, None, "the value is no Int32")),
        ("Byte", "256", (None, None, "the value is beyond Byte")),
        ("bool", "1", (1.0, None, "")),
        ("Boolean", "2", (None, None, "the value is no Boolean")),
        ("UInt64", "18446744073709551616", (None, None, "the value is beyond UInt64")),
        ("MachineStateEnum", "3", (3.0, None, "")),
        ("DateTime", "2026-01-01T00:00:00Z", (None, "2026-01-01T00:00:00Z", "")),
    ],
)
def test_a_named_type_holds(tmp_path: Path, kind: str, text: str, found: tuple[object, ...]) -> None:
    rows, wrong = read(file(tmp_path, "x.csv", f"time,tag,value,type\n{AT},T,{text},{kind}\n"))
    reason = wrong[0]["reason"] if wrong else ""
    (row,) = rows or [{"value": None, "value_text": None}]
    assert (row["value"], row["value_text"], reason) == found


def test_what_the_file_does_not_tell_is_null_and_the_rest_is_named(tmp_path: Path) -> None:
    (row,) = read(file(tmp_path, "line 4.csv", f"{HEAD}{AT},Oil/Temp,1\n"))[0]
    told = {"server_time", "receive_time", "area", "line", "unit", "raw"}
    assert {name for name in told if row[name] is not None} == set()
    assert (row["origin"], row["status"], row["quality"], row["time_basis"]) == ("imported", 0, "Good", "source")
    assert (row["server"], row["machine"], row["site"]) == ("line 4", "line 4", "unassigned")
    assert (row["path"], row["tag"], row["node_id"]) == ("Oil/Temp", "Oil/Temp", "nsu=urn:omptool:import;s=Oil/Temp")


def test_columns_that_say_where_a_tag_stands_are_taken(tmp_path: Path) -> None:
    text = f"Timestamp;Node Id;site;Machine;tag;val;unit;status\n{AT};ns=2;x\n{AT};nsu=urn:a;i=7;L;P;T;1,5;bar;Bad\n"
    path = file(tmp_path, "x.csv", text.replace(";i=7", "%3Bi=7"))
    rows, wrong = read(path, server="urn:press")
    assert [entry["line"] for entry in wrong] == [2]
    (row,) = rows
    assert [row[name] for name in ("server", "site", "machine", "tag", "path", "value", "unit", "quality")] == [
        "urn:press", "L", "P", "T", "P/T", 1.5, "bar", "Bad",
    ]  # fmt: skip


def test_the_plant_model_wins_over_columns(tmp_path: Path) -> None:
    plant = PlantModel.parse('[[machine]]\npath = "Line1/*"\nsite = "007"\n')
    path = file(tmp_path, "x.csv", f"time,path,machine,value\n{AT},Line1/Press7/Temp,other,1\n{AT},Oven/Temp,Oven,1\n")
    places = [(row["site"], row["machine"], row["tag"]) for row in rows_of(source(path, plant=plant))]
    assert places == [("007", "Press7", "Temp"), ("unassigned", "Oven", "Oven/Temp")]


@pytest.mark.parametrize(
    ("text", "moment", "rest"),
    [
        ("2026-11-22T10:00:00.123456789Z", "2026-11-22T10:00:00.123456+00:00", 789),
        ("2026-11-22 11:00:00+01:00", "2026-11-22T10:00:00+00:00", 0),
        ("2026-11-22T10:00:00,5Z", "2026-11-22T10:00:00.500000+00:00", 0),
        ("2026-11-22", "2026-11-22T00:00:00+00:00", 0),
        ("22.11.2026 10:00", "2026-11-22T10:00:00+00:00", 0),
        ("1795341600", "2026-11-22T10:00:00+00:00", 0),
        ("1795341600123", "2026-11-22T10:00:00.123000+00:00", 0),
        ("1795341600123456", "2026-11-22T10:00:00.123456+00:00", 0),
        ("1795341600123456789", "2026-11-22T10:00:00.123456+00:00", 789),
        ("1795341600.25", "2026-11-22T10:00:00.250000+00:00", 0),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00", 0),
        ("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999999+00:00", 900),
    ],
)
def test_times_of_many_tools_are_read(tmp_path: Path, text: str, moment: str, rest: int) -> None:
    ((row,), wrong) = read(file(tmp_path, "x.csv", f'{HEAD}"{text}",T,1\n'))
    assert (row["time"], row["time_ns"], wrong) == (datetime.fromisoformat(moment), rest, [])


@pytest.mark.parametrize(
    "text", ["", "noon", "11/22/2026 10:00", "2026-02-30T00:00:00Z", "9" * 21, "2026-11-22T25:00Z"]
)
def test_what_is_no_time_for_sure_costs_its_row(tmp_path: Path, text: str) -> None:
    rows, wrong = read(file(tmp_path, "x.csv", f"{HEAD}{AT},T,1\n{text},T,2\n{AT},T,3\n"))
    assert [row["value"] for row in rows] == [1, 3]
    assert [(entry["line"], entry["reason"].startswith("the time is ")) for entry in wrong] == [(3, True)]


def test_times_without_offset_are_read_in_the_zone_that_is_given_and_told(tmp_path: Path) -> None:
    path = file(tmp_path, "x.csv", f"{HEAD}2026-11-22T10:00:00,T,1\n2026-07-01 10:00:00.5,T,1\n")
    found = source(path, zone=ZoneInfo("Europe/Berlin"))
    assert [row["time"].hour for row in rows_of(found)] == [9, 8]
    assert found.files[0].bare_times == 2


def test_wide_tables_give_a_row_per_cell(tmp_path: Path) -> None:
    path = file(tmp_path, "w.csv", f"time,machine,A,B\n{AT},P,1,\n{AT},P,x,true\nnoon,P,1,2\n")
    rows, wrong = read(path, wants_telemetry=True)
    assert sorted((row["tag"], row["type"], row["value"], row["value_text"]) for row in rows) == [
        ("A", "Double", 1.0, None),
        ("A", "String", None, "x"),
        ("B", "Boolean", 1.0, None),
    ]
    assert [entry["line"] for entry in wrong] == [4]
    assert resolve(str(path)).kind == "csv"
    assert not resolve(str(path)).has_telemetry


def test_mapped_columns_are_what_they_are_said_to_be(tmp_path: Path) -> None:
    path = file(tmp_path, "h.csv", f"Zeit;Stelle;Messwert;time\n{AT};T;1;noon\n")
    columns = {"time": "Zeit", "tag": "Stelle", "value": "Messwert"}
    assert [(row["tag"], row["value"]) for row in read(path, columns=columns)[0]] == [("T", 1.0)]
    for wrong in ({"tme": "Zeit"}, {"time": "Zeti"}):
        with pytest.raises(UsageError, match=r"no such role|no column"):
            source(path, columns=wrong)


def test_torn_rows_cost_themselves_with_their_lines(tmp_path: Path) -> None:
    good = f'{AT},"a\nb",1\n'
    text = f'{HEAD}{good}{AT},T\n\n{good}{AT},T,1,2\r\n{AT},"open,1\n{good}noon,T,1\n{AT},,1\n'.encode()
    rows, wrong = read(file(tmp_path, "x.csv", text + f"{AT},\xd6l,1\n".encode("latin-1") + good.encode()))
    assert [row["tag"] for row in rows] == ["a\nb"] * 3
    assert sorted(entry["line"] for entry in wrong) == [4, 8, 9, 10, 11, 12, 13, 14]
    assert all(entry["file"].endswith("x.csv") and entry["reason"] and entry["text"] for entry in wrong)


def test_stray_quotes_swallow_no_rows(tmp_path: Path) -> None:
    inch = f'{AT},5" pipe,1\n'
    rows, wrong = read(file(tmp_path, "x.csv", f'{HEAD}{inch}{AT},"A,1\n{inch}{AT},B,2\n{AT},"C,3\n{AT},D,4\n'))
    assert sorted((row["tag"], row["value"]) for row in rows) == [('5" pipe', 1), ('5" pipe', 1), ("B", 2), ("D", 4)]
    assert [entry["line"] for entry in wrong] == [3, 6]
    assert len(rows) + len(wrong) == 6


def test_a_line_without_end_costs_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK", 64)
    monkeypatch.setattr(lines, "MOST_LINE", 100)
    long = "x" * 150
    rows, wrong = read(
        file(tmp_path, "x.csv", f"{HEAD}{AT},A,1\n{AT},{long},1\n{AT},B,1\n{AT},{long},1\n{AT},C,1\n{long}")
    )
    assert [row["tag"] for row in rows] == ["A", "B", "C"]
    assert [entry["line"] for entry in wrong] == [3, 5, 7]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gzip"])
def test_encodings_are_seen(tmp_path: Path, encoding: str) -> None:
    text = f"{HEAD}{AT},Öl,1\n"
    data = gzip.compress(text.encode()) if encoding == "gzip" else text.encode(encoding)
    assert [row["tag"] for row in read(file(tmp_path, "x.csv", data))[0]] == ["Öl"]


_cell = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
_stamp = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))


@given(st.lists(st.tuples(_stamp, _cell.filter(bool), _cell), max_size=8), st.sampled_from([1 << 22, 7, 40]))
def test_whatever_texts_there_are_they_come_back(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[datetime, str, str]], block: int
) -> None:
    import csv

    path = tmp_path_factory.mktemp("csv") / "x.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(["time", "tag", "value", "type"])
        writer.writerows([stamp.isoformat(), tag, text, "String"] for stamp, tag, text in cells)
    before = lines.BLOCK
    try:
        lines.BLOCK = block
        rows, wrong = read(path)
    finally:
        lines.BLOCK = before
    assert wrong == []
    assert [(row["time"], row["value_text"]) for row in rows] == [(stamp, text) for stamp, _, text in cells]


@given(st.binary(max_size=300), st.sampled_from([b"", b"time,tag,value\n", b"time;tag;value\n2026-11-22;T;"]))
def test_no_bytes_stop_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes, before: bytes) -> None:
    path = file(tmp_path_factory.mktemp("any"), "x.csv", b"time,tag,value\n" + before + data)
    rows, wrong = read(path)
    written = sum(bool(line.strip(b"\r")) for line in (before + data).split(b"\n"))
    assert len(rows) + len(wrong) <= written


def test_a_decimal_comma_is_read_wherever_it_stands_first(tmp_path: Path) -> None:
    """Behind a thousand whole numbers, and in quotes; a text that looks like one keeps its comma."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    lines = [f"{(start + timedelta(seconds=n)).isoformat()};A;{n};" for n in range(1000)]
    lines += ['2026-01-02T00:00:00Z;A;"1,5";', "2026-01-03T00:00:00Z;A;2,5;", "2026-01-04T00:00:00Z;A;3,5;String"]
    rows, wrong = read(file(tmp_path, "x.csv", "time;tag;value;type\n" + "\n".join(lines)))
    assert ([row["value"] for row in rows[-3:]], rows[-1]["value_text"], wrong) == ([1.5, 2.5, None], "3,5", [])
