"""InfluxDB line protocol and Telegraf's JSON. Examples follow the grammar of InfluxData's "Line protocol" reference
(v2) and of Telegraf's "JSON serializer" documentation; names and values are our own.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.foreign.imported import file, read

NS = 1795341600123456789
AT = datetime.fromisoformat("2026-11-22T10:00:00.123456+00:00")


@pytest.mark.parametrize(
    ("line", "path", "kind", "value", "text"),
    [
        (f"press force=1 {NS}", "press/force", "Double", 1.0, None),
        (f"press,unit=a force=-1.5e3 {NS}", "press/a/force", "Double", -1500.0, None),
        (f"press n=7i {NS}", "press/n", "Int64", 7.0, None),
        (f"press n=18446744073709551615u {NS}", "press/n", "UInt64", 2.0**64, None),
        (f"press on=T {NS}", "press/on", "Boolean", 1.0, None),
        (f'press s="say \\"hi\\" \\\\ there" {NS}', "press/s", "String", None, 'say "hi" \\ there'),
        (f'press s="two\nlines" {NS}', "press/s", "String", None, "two\nlines"),
        (f'press s="a, b=c d" {NS}', "press/s", "String", None, "a, b=c d"),
        (rf"my\ press\,x,k\ 1=v\=\,\  f\ 1=1 {NS}", "my press,x/v=, /f 1", "Double", 1.0, None),
        (f"a/b f=1 {NS}", "a&/b/f", "Double", 1.0, None),
    ],
)
def test_a_field_is_what_its_grammar_says(
    tmp_path: Path, line: str, path: str, kind: str, value: Any, text: str | None
) -> None:
    ((row,), wrong) = read(file(tmp_path, "x.lp", f"# a comment\n\n{line}\n"))
    assert wrong == []
    assert (row["path"], row["type"], row["value"], row["value_text"]) == (path, kind, value, text)
    assert (row["time"], row["time_ns"]) == (AT, 789)


def test_places_and_units_of_time_are_seen(tmp_path: Path) -> None:
    lines = [f"m,host=h,machine=P,site=S f=1 {NS // unit}" for unit in (1, 10**3, 10**6, 10**9)]
    rows, _ = read(file(tmp_path, "x.lp", "\n".join(lines)))
    assert {(row["server"], row["machine"], row["site"], row["tag"]) for row in rows} == {("h", "P", "S", "m/f")}
    assert [row["time"].microsecond for row in rows] == [123456, 123456, 123000, 0]


def test_wrong_lines_cost_themselves(tmp_path: Path) -> None:
    text = f'm f=1 {NS}\nno line\nm f=x,g=2 {NS}\nm f=1\nm s="open {NS}\nm f=2 {NS}\nm f="\xff'
    rows, wrong = read(file(tmp_path, "x.lp", text.encode("latin-1")))
    assert [(row["tag"], row["value"]) for row in rows] == [("m/f", 1), ("m/g", 2), ("m/f", 2)]
    assert sorted(entry["line"] for entry in wrong) == [2, 3, 4, 5, 7]


def test_telegraf_knows_opc_ua(tmp_path: Path) -> None:
    metric = {
        "fields": {"Temperature": 61.4, "Quality": "The value is bad. StatusBad (0x80000000)"},
        "name": "opcua", "tags": {"host": "edge1", "id": "ns=3;s=Oil.Temperature"}, "timestamp": 1795341600,
    }  # fmt: skip
    plain = {"fields": {"usage": 1, "on": True, "s": "x"}, "name": "cpu", "tags": {"cpu": "0"}, "timestamp": 1795341600}
    path = file(tmp_path, "x.json", json.dumps(metric) + "\n" + json.dumps({"metrics": [plain]}) + "\n")
    rows, wrong = read(path)
    assert wrong == []
    assert [(row["server"], row["path"], row["node_id"], row["value"], row["status"]) for row in rows] == [
        ("edge1", "opcua/Temperature", "ns=3;s=Oil.Temperature", 61.4, 0x80000000),
        ("x", "cpu/0/usage", "nsu=urn:omptool:import;s=cpu/0/usage", 1.0, 0),
        ("x", "cpu/0/on", "nsu=urn:omptool:import;s=cpu/0/on", 1.0, 0),
        ("x", "cpu/0/s", "nsu=urn:omptool:import;s=cpu/0/s", None, 0),
    ]


def test_metrics_that_are_none_cost_themselves(tmp_path: Path) -> None:
    good = {"fields": {"a": 1}, "name": "m", "tags": {}, "timestamp": 1795341600}
    wrong_ones = [{"fields": 1}, good | {"timestamp": "noon"}, good | {"tags": 3}, good | {"timestamp": None}]
    rows, wrong = read(file(tmp_path, "x.json", "\n".join(map(json.dumps, [good, *wrong_ones]))))
    assert (len(rows), sorted(entry["line"] for entry in wrong)) == (1, [2, 3, 4, 5])


_key = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), exclude_characters='\\"#'), min_size=1, max_size=6
)
_string = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\x00"), max_size=8)


def escaped(text: str) -> str:
    return re.sub(r"([,= ])", r"\\\1", text)


_number = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9)


@given(
    st.lists(
        st.tuples(_key, _number | st.booleans() | _string),
        min_size=1, max_size=5, unique_by=lambda field: field[0],
    ),
    _key,
)  # fmt: skip
def test_whatever_is_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory, fields: list[tuple[str, Any]], name: str
) -> None:
    def shown(value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return f"{value}i" if isinstance(value, int) else repr(value)

    line = f"{escaped(name)} " + ",".join(f"{escaped(key)}={shown(value)}" for key, value in fields) + f" {NS}\n"
    rows, wrong = read(file(tmp_path_factory.mktemp("lp"), "x.lp", line))
    assert wrong == []
    assert [
        row["value_text"] if isinstance(value, str) else row["value"]
        for row, (_, value) in zip(rows, fields, strict=True)
    ] == [value for _, value in fields]


@given(st.binary(max_size=200))
def test_no_bytes_stop_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    rows, _ = read(file(tmp_path_factory.mktemp("any"), "x.lp", f"m f=1 {NS}\n".encode() + data))
    assert rows[0]["value"] == 1
